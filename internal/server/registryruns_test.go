package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/runlog"
	"heddle/internal/store"
	"heddle/internal/store/keys"
	"heddle/internal/swf"
	workflow "heddle/internal/swf/execution"
)

// TestNobodyReadsRegistries has a caller who knows the run ids of what the server keeps as
// executions of its own, domains, types and accounts, and asks for their histories by each
// name that could lead there; and somebody who has the stopped store.
func TestNobodyReadsRegistries(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	register(t, s)
	query(t, s, "2010-05-08", "CreateUser", "UserName", "ann")
	mustCall(t, s, "StartWorkflowExecution", startOrder)
	runs := map[engine.Name]string{}
	for shard := range s.shards {
		err := s.store.Scan(t.Context(), shard, store.Range{Start: []byte{keys.OpenRun}, End: []byte{keys.OpenRun + 1}}, func(key, value []byte) bool {
			id := keys.Run(key)
			head, err := runlog.ReadHead(id, value)
			if err != nil {
				t.Fatal(err)
			}
			runs[head.Name] = workflow.FormatRun(id)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	kinds := map[engine.Kind]bool{}
	readable := 0
	ask := func(try func(domain, id, run string) (string, bool)) {
		for name, run := range runs {
			kinds[name.Kind] = true
			domain, id := workflow.Split(name.Key)
			for _, d := range []string{"shop", domain, name.Key} {
				for _, i := range []string{"a", id, name.Key, "shop"} {
					if d == "" || i == "" {
						continue
					}
					if text, ok := try(d, i, run); ok {
						if readable++; name.Kind != workflow.Kind {
							t.Errorf("%s %q, as %q of %q: %s", name.Kind, name.Key, i, d, text)
						}
					}
				}
			}
		}
	}
	ask(func(domain, id, run string) (string, bool) {
		got := call(t.Context(), s, "GetWorkflowExecutionHistory", fmt.Sprintf(`{"domain":%q,"execution":{"workflowId":%q,"runId":%q}}`, domain, id, run))
		return got.body, got.status == 200
	})
	closeServer(t, s)
	offline, err := OpenOffline(t.Context(), cfg.Data, cfg.RootKeys, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer offline.Close()
	ask(func(domain, id, run string) (string, bool) {
		var out bytes.Buffer
		e := swf.Export{Account: defaults.Account, Region: defaults.Region, Domain: domain, WorkflowID: id, RunID: run}
		err := e.Run(t.Context(), offline.Stored(), &out)
		return out.String(), err == nil
	})
	if len(kinds) < 4 || readable < 2 {
		t.Errorf("kinds %v, %d readable", kinds, readable)
	}
}
