package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/sealing"
	"heddle/internal/swf"
)

// contentOf is what a folder holds, and when it was written.
func contentOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum := sha256.New()
		if !d.IsDir() {
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			if _, err := io.Copy(sum, file); err != nil {
				return err
			}
		}
		found[path] = fmt.Sprintf("%s %s %d %x", info.Mode(), info.ModTime(), info.Size(), sum.Sum(nil))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestOfflineWritesNothing, and of a rekeying that was cut off it reads the store
// that counts and says so.
func TestOfflineWritesNothing(t *testing.T) {
	cfg, before := planted(t, SealingOn)
	store, rekeyed, replaced := sealing.StoreDir(cfg.Data), filepath.Join(cfg.Data, rekeyedName), filepath.Join(cfg.Data, replacedName)
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	look := func(state string, words ...string) {
		t.Helper()
		was := contentOf(t, cfg.Data)
		var logged bytes.Buffer
		o, err := OpenOffline(t.Context(), cfg.Data, cfg.RootKeys, slog.New(slog.NewTextHandler(&logged, nil)))
		if err != nil {
			t.Fatalf("%s: %v", state, err)
		}
		found, err := o.Check(t.Context())
		if err != nil || !reflect.DeepEqual(found, before) {
			t.Errorf("%s: found %+v, %v", state, found, err)
		}
		if err := o.Close(); err != nil {
			t.Errorf("%s: %v", state, err)
		}
		if is := contentOf(t, cfg.Data); !maps.Equal(was, is) {
			t.Errorf("%s: the folder was changed", state)
		}
		if strings.Contains(logged.String(), "a rekeying was cut off") != (len(words) > 0) {
			t.Errorf("%s: logged %s", state, &logged)
		}
		for _, word := range words {
			if !strings.Contains(logged.String(), word) {
				t.Errorf("%s: logged %s, without %s", state, &logged, word)
			}
		}
	}

	look("as it was closed")
	if err := os.Remove(filepath.Join(store, "LOCK")); err != nil {
		t.Fatal(err)
	}
	look("a copy without a lock file")

	if err := os.Mkdir(rekeyed, 0o700); err != nil {
		t.Fatal(err)
	}
	look("cut off while it wrote", "read="+store, "old_store_is_left=false")
	if err := os.Remove(rekeyed); err != nil {
		t.Fatal(err)
	}

	if err := os.CopyFS(replaced, os.DirFS(store)); err != nil {
		t.Fatal(err)
	}
	look("before the old store was deleted", "read="+store, "old_store_is_left=true")

	rename(store, rekeyed)
	look("between the renames", "read="+rekeyed, "old_store_is_left=true")

	rename(rekeyed, filepath.Join(t.TempDir(), "lost"))
	_, err := OpenOffline(t.Context(), cfg.Data, cfg.RootKeys, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("open store %q: no such directory", store)) {
		t.Errorf("without the new store: %v", err)
	}
}

// TestExport asks for executions by what a person knows of them: without a runId
// it is the open run, else the last of those that closed; a run is found under no
// name but its own.
func TestExport(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	register(t, s)
	runs := map[string]string{}
	begin := func(name, id string) {
		t.Helper()
		runs[name] = mustCall(t, s, "StartWorkflowExecution", fmt.Sprintf(
			`{"domain":"shop","workflowId":%q,"workflowType":{"name":"order","version":"1"},"input":%q}`, id, name)).RunID
	}
	end := func(id string) {
		t.Helper()
		mustCall(t, s, "TerminateWorkflowExecution", `{"domain":"shop","workflowId":"`+id+`"}`)
	}
	closedAt := func(name, id string) float64 {
		t.Helper()
		var described struct {
			ExecutionInfo struct{ CloseTimestamp float64 }
		}
		a := call(t.Context(), s, "DescribeWorkflowExecution", `{"domain":"shop","execution":{"workflowId":"`+id+`","runId":"`+runs[name]+`"}}`)
		if err := json.Unmarshal([]byte(a.body), &described); err != nil {
			t.Fatal(err, a)
		}
		return described.ExecutionInfo.CloseTimestamp
	}
	begin("first of a", "a")
	end("a")
	for first := closedAt("first of a", "a"); ; { // until a millisecond has passed
		begin("last of a", "a")
		end("a")
		if closedAt("last of a", "a") > first {
			break
		}
	}
	begin("closed of b", "b")
	end("b")
	begin("open of b", "b")
	closeServer(t, s)

	offline, err := OpenOffline(t.Context(), cfg.Data, cfg.RootKeys, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer offline.Close()
	const noRun, noExecution = "no run", "no such execution"
	for _, c := range []struct{ region, domain, id, run, want string }{
		{defaults.Region, "shop", "a", "", "last of a"},
		{defaults.Region, "shop", "b", "", "open of b"},
		{defaults.Region, "shop", "a", "first of a", "first of a"},
		{defaults.Region, "shop", "b", "closed of b", "closed of b"},
		{defaults.Region, "shop", "b", "first of a", noRun},
		{defaults.Region, "other", "a", "first of a", noRun},
		{"eu-west-1", "shop", "a", "first of a", noRun},
		{defaults.Region, "shop", "c", "", noExecution},
		{defaults.Region, "other", "a", "", noExecution},
		{"eu-west-1", "shop", "a", "", noExecution},
	} {
		var out bytes.Buffer
		world := engine.World{Account: defaults.Account, Region: c.region}
		err := (&swf.Export{Account: world.Account, Region: world.Region, Domain: c.domain, WorkflowID: c.id, RunID: runs[c.run]}).Run(t.Context(), offline.Stored(), &out)
		if got := fmt.Sprint(&out, err); !strings.Contains(got, c.want) || (err == nil) != (runs[c.want] != "") {
			t.Errorf("run %q of %q in domain %s of %s: %s, want %q", c.run, c.id, c.domain, c.region, got, c.want)
		}
	}
}
