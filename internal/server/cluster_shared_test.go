package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"heddle/internal/blob"
	"heddle/internal/engine"
	"heddle/internal/sealing"
	"heddle/internal/store/pgstore/pgtest"
	"heddle/internal/swf"
	"heddle/internal/swf/execution"
)

// startNodes starts servers of one database: the first one's root key is copied to the others,
// and nothing else is.
func startNodes(t *testing.T, change func(*Config), names ...string) (nodes []*harness) {
	t.Helper()
	database := pgtest.New(t)
	key := ""
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		cfg := Config{
			Listen: "127.0.0.1:0", Store: StorePostgres, Postgres: database.DSN(), Data: t.TempDir(), PollHold: time.Second,
			Cluster: Cluster{Node: name, Listen: l.Addr().String()}, Services: Services(),
		}
		l.Close()
		if key != "" {
			if err := errors.Join(os.Chmod(cfg.Data, 0o700), os.WriteFile(sealing.RootKeyFile(cfg.Data), []byte(key), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		change(&cfg)
		s := start(t, cfg)
		if key == "" {
			b, err := os.ReadFile(sealing.RootKeyFile(cfg.Data))
			if err != nil {
				t.Fatal(err)
			}
			key = string(b)
		}
		nodes = append(nodes, &harness{t, s, rootKey(t, cfg.Data)})
	}
	return nodes
}

// eventually waits until something that follows within seconds is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never was so: %s", what)
		}
	}
}

// TestNodesShareWhatIsOfAll: root key pairs, quotas, rates, and what operators see.
func TestNodesShareWhatIsOfAll(t *testing.T) {
	const quota = 20
	var logged written
	nodes := startNodes(t, func(cfg *Config) {
		swf.OptionsOf(cfg.Services).Execution.OpenExecutionsMax = quota
		cfg.Audit = Audit{Files: AuditFile}
		cfg.Log = slog.New(slog.NewTextHandler(&logged, nil))
		cfg.Throttle, cfg.ThrottleRates = ThrottleAWS, []string{"ListWorkflowTypes=16/8"}
	}, "a", "b")
	a, b := nodes[0], nodes[1]
	if a.root != b.root {
		t.Fatal("the second node has made a root key pair of its own")
	}

	// A quota counts what is open anywhere; what is begun in a second at another node may go above it.
	a.shop("shop")
	begin := func(h *harness, id string) answered {
		return h.ask(h.swf(h.root, "StartWorkflowExecution", `{"domain":"shop","workflowId":"`+id+`","workflowType":{"name":"order","version":"1"}}`))
	}
	for i := range quota {
		if answer := begin(nodes[i%2], strconv.Itoa(i)); answer.fault != "" {
			t.Fatalf("execution %d: %s", i, answer.text)
		}
	}
	group := execution.Group(engine.World{Account: a.cfg.Account, Region: a.cfg.Region}, "shop")
	eventually(t, "both nodes count all open executions, of which each has some", func() bool {
		for _, h := range nodes {
			if own := h.node.Open()[group]; own == 0 || own+h.cluster.OpenElsewhere(group) != quota {
				return false
			}
		}
		return true
	})
	for i := range 6 {
		if answer := begin(nodes[i%2], "more"+string(rune('a'+i))); answer.fault != "LimitExceededFault" {
			t.Fatalf("one above the quota: %s %s", answer.fault, answer.text)
		}
	}

	// Rates are divided: by two nodes as many calls at once as by one.
	eventually(t, "both nodes know that they are two", func() bool { return a.cluster.Alive() == 2 && b.cluster.Alive() == 2 })
	for _, h := range nodes {
		h.shareRates() // as they do each second
	}
	taken, began := 0, time.Now()
	for range 24 {
		for _, h := range nodes {
			if h.ask(h.swf(h.root, "ListWorkflowTypes", `{"domain":"shop","registrationStatus":"REGISTERED"}`)).fault == "" {
				taken++
			}
		}
	}
	if most := 16 + 8*(1+int(time.Since(began).Seconds())); taken < 16 || taken > most { // eight a second come back
		t.Errorf("%d calls of 48 were let through, want 16 to %d", taken, most)
	}

	// Each node shows the lists of all, and itself among the members.
	for _, h := range nodes {
		lists := h.must(h.operator(h.root, "ListTaskLists", `{"service":"swf","domain":"shop"}`))
		if !strings.Contains(lists, `"name":"deciders"`) || !strings.Contains(lists, `"backlog":20`) || strings.Count(lists, `"kind"`) != 1 {
			t.Errorf("lists: %s", lists)
		}
		one := h.must(h.operator(h.root, "DescribeTaskList", `{"service":"swf","kind":"decision","domain":"shop","name":"deciders"}`))
		if !strings.Contains(one, `"backlog":20`) || strings.Count(one, `"scheduledEventId"`) != quota {
			t.Errorf("list: %s", one)
		}
		if n := h.must(h.swf(h.root, "CountPendingDecisionTasks", `{"domain":"shop","taskList":{"name":"deciders"}}`)); !strings.Contains(n, `"count":20`) {
			t.Errorf("pending tasks: %s", n)
		}
		status := h.must(h.operator(h.root, "GetServerStatus", `{}`))
		for _, part := range []string{`"node":"` + h.cfg.Cluster.Node + `"`, `"name":"a"`, `"name":"b"`, `"shardsVacant":0`, `"openExecutions":`} {
			if !strings.Contains(status, part) {
				t.Errorf("no %s in %s", part, status)
			}
		}
		if strings.Contains(status, `"error"`) || strings.Count(status, `"self":true`) != 1 {
			t.Errorf("status: %s", status)
		}
		browser := newBrowser(t, h.URL())
		h.signIn(browser, h.root)
		browser.sees(browser.get("/console/us-east-1/-server"), 200, `data-node="a"`, `data-node="b"`, "in order", "this one", "-does not answer", "-served by nobody")
	}
	for _, refusals := range []string{a.must(a.operator(a.root, "ListRefusals", `{}`)), b.must(b.operator(b.root, "ListRefusals", `{}`))} {
		if strings.Count(refusals, `"LimitExceededFault"`) != 6 {
			t.Errorf("refusals of both: %s", refusals)
		}
	}

	// When a key was used last all know, wherever that was.
	k := b.user("key", allow("swf:*", "*"))
	eventually(t, "the second node knows the new key", func() bool {
		return b.ask(b.swf(k, "ListDomains", `{"registrationStatus":"REGISTERED"}`)).fault == ""
	})
	for _, h := range nodes {
		if used := h.must(h.iam(h.root, "GetAccessKeyLastUsed", "AccessKeyId", k.AccessKeyID)); !strings.Contains(used, "<ServiceName>swf</ServiceName>") {
			t.Errorf("used at the second node, says node %s: %s", h.cfg.Cluster.Node, used)
		}
	}

	// What is too large for events is in the database, for all.
	role := "arn:aws:iam::" + a.cfg.Account + ":role/r"
	a.role("r", `{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}`, everything)
	machine := member(a.must(a.states(a.root, "CreateStateMachine", `{"name":"m","roleArn":"`+role+`","definition":"{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}"}`)), "stateMachineArn")
	for _, h := range nodes {
		begun := member(h.must(h.states(h.root, "StartExecution", `{"stateMachineArn":"`+machine+`","input":"{\"of\":1}"}`)), "executionArn")
		eventually(t, "the execution has succeeded", func() bool {
			return strings.Contains(h.must(h.states(h.root, "DescribeExecution", `{"executionArn":"`+begun+`"}`)), `"SUCCEEDED"`)
		})
	}

	// A pair that is exchanged at one node is exchanged at all.
	text, err := os.ReadFile(a.cfg.RootFile())
	if err != nil {
		t.Fatal(err)
	}
	other := strings.ReplaceAll(string(text), a.root.SecretAccessKey, strings.Repeat("x", 40))
	if err := os.WriteFile(a.cfg.RootFile(), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	renewed := a.root
	renewed.SecretAccessKey = strings.Repeat("x", 40)
	eventually(t, "both nodes know the new pair, and not the old one", func() bool {
		for _, h := range nodes {
			if h.ask(h.swf(renewed, "ListDomains", `{"registrationStatus":"REGISTERED"}`)).fault != "" || h.ask(h.swf(h.root, "ListDomains", `{"registrationStatus":"REGISTERED"}`)).fault == "" {
				return false
			}
		}
		return true
	})
	if there, err := os.ReadFile(b.cfg.RootFile()); err != nil || string(there) != other {
		t.Errorf("b's file: %v", err)
	}

	closeServer(t, b.Server) // the other has all that it had
	for range 3 {            // as often as somebody looks
		b.standbys()
	}
	if n := strings.Count(logged.String(), "standbys of the database can't be seen"); n != 1 {
		t.Errorf("it was told %d times that the standbys can't be seen", n)
	}
	for range 4 {
		if task := a.must(a.swf(renewed, "PollForDecisionTask", `{"domain":"shop","taskList":{"name":"deciders"}}`)); !strings.Contains(task, `"taskToken"`) {
			t.Errorf("a poll when one node has gone: %s", task)
		}
	}
	if trail := readTrail(t, b.cfg); !strings.Contains(trail, `"additionalEventData":{"node":"b"}`) || strings.Contains(trail, `{"node":"a"}`) {
		t.Errorf("b's trail does not say whose it is: %.300s", trail)
	}
}

// TestOneNodeSweepsTheBucket: one of two nodes sweeps the bucket that both have, and leaves what the other one puts
// just before it would be deleted; unless the bucket deletes what it was not asked to.
func TestOneNodeSweepsTheBucket(t *testing.T) {
	b := newBucket(t)
	var logged written
	nodes := startNodes(t, func(cfg *Config) {
		cfg.Blobs = b.config()
		cfg.Log = slog.New(slog.NewTextHandler(&logged, nil))
	}, "a", "b")
	one, other := nodes[0], nodes[1]
	eventually(t, "one of them has the first shard", func() bool { return one.cluster.Has(0) != other.cluster.Has(0) })
	if other.cluster.Has(0) {
		one, other = other, one
	}
	again := "" // put by the other node when it is asked for references
	var all []*sweeps
	for _, n := range nodes {
		asked := before{references{n.store}, func() {
			if again != "" {
				putBlob(t, other.Server, again)
			}
		}}
		all = append(all, &sweeps{blobs: n.blobs, references: asked, log: n.cfg.Log, mine: func() bool { return n.cluster.Has(0) }})
	}
	sweep := func() {
		for i, n := range nodes {
			n.clock.skip(n.clock.Now() + engine.Time(time.Hour/time.Millisecond))
			all[i].sweep(t.Context())
		}
	}
	dropped, kept := putBlob(t, one.Server, "dropped"), putBlob(t, other.Server, "kept")
	b.deletesAll.Store(true)
	for range 2 {
		sweep()
	}
	wantBlob(t, one.Server, dropped, "dropped")
	if n := strings.Count(logged.String(), "does not compare before it deletes"); n != 1 {
		t.Errorf("said %d times that the bucket can't be swept:\n%s", n, logged.String())
	}
	b.deletesAll.Store(false)
	sweep()
	again = "kept"
	sweep()
	wantNoBlob(t, one.Server, dropped)
	wantBlob(t, one.Server, kept, "kept")
	if n := strings.Count(logged.String(), "deleted blobs that nothing refers to"); n != 1 {
		t.Errorf("swept %d times:\n%s", n, logged.String())
	}
	if names := b.names(); len(names) != 1 {
		t.Errorf("in the bucket: %v", names)
	}
	// Who has lost the first shard asks no more, and so ends a sweep.
	lost := ownReferences{references{one.store}, func() bool { return false }}
	if _, err := lost.Referenced(t.Context(), kept); !errors.Is(err, errSweptElsewhere) {
		t.Errorf("a server that sweeps no more: %v", err)
	}
}

// before does something before references are asked.
type before struct {
	blob.References
	do func()
}

func (r before) Referenced(ctx context.Context, id blob.ID) (bool, error) {
	r.do()
	return r.References.Referenced(ctx, id)
}
