package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"heddle/internal/cluster/link/linktest"
	"heddle/internal/engine"
	"heddle/internal/matching"
	"heddle/internal/sealing"
	"heddle/internal/shard"
	"heddle/internal/store/keys"
	"heddle/internal/store/memstore"
	"heddle/internal/store/pgstore/pgtest"
	"heddle/internal/swf/execution"
)

// homesSetting names databases as homes a, b and so on.
func homesSetting(servers ...*pgtest.Server) string {
	var lines []string
	for i, s := range servers {
		lines = append(lines, string(rune('a'+i))+"="+s.DSN())
	}
	return strings.Join(lines, "\n")
}

// orders are names of executions of the domain shop by home.
func orders(s *Server, each int) [2][]string {
	var by [2][]string
	world := engine.World{Account: s.cfg.Account, Region: s.cfg.Region}
	for i := 0; len(by[0]) < each || len(by[1]) < each; i++ {
		id := "order-" + strconv.Itoa(i)
		home := s.node.ShardOf(&engine.Command{Name: execution.Name(world, "shop", id)}) % 2
		if len(by[home]) < each {
			by[home] = append(by[home], id)
		}
	}
	return by
}

const (
	startOf    = `{"domain":"shop","workflowId":"%s","workflowType":{"name":"order","version":"1"}}`
	signalOf   = `{"domain":"shop","workflowId":"%s","signalName":"s"}`
	listOpen   = `{"domain":"shop","startTimeFilter":{"oldestDate":0}}`
	countOpen  = listOpen
	homeIsAway = "home b does not answer"
)

func readyText(t *testing.T, s *Server) string {
	t.Helper()
	r, err := http.Get(s.URL() + "/ready")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(r.StatusCode) + " " + string(text)
}

// TestHomeDown: when one of two homes has no PostgreSQL, the executions of the other one go on, and calls
// for its own fail until it is back; then all is there. So it is when the server starts without it.
func TestHomeDown(t *testing.T) {
	first, second := pgtest.New(t), pgtest.New(t)
	cfg := Config{Listen: "127.0.0.1:0", Store: StorePostgres, Postgres: homesSetting(first, second), Data: t.TempDir(), Auth: AuthNone}
	s := start(t, cfg)
	register(t, s)
	by := orders(s, 3)
	must := func(action, format string, ids ...string) {
		t.Helper()
		for _, id := range ids {
			mustCall(t, s, action, fmt.Sprintf(format, id))
		}
	}
	fails := func(action, body string) {
		t.Helper()
		if a := call(t.Context(), s, action, body); a.status != http.StatusInternalServerError {
			t.Errorf("%s %s: %d %s, want 500", action, body, a.status, a.body)
		}
	}
	for _, ids := range by {
		must("StartWorkflowExecution", startOf, ids[:2]...)
	}
	check := func() {
		t.Helper()
		offline, err := OpenOfflinePostgres(t.Context(), cfg.Data, cfg.Postgres, sealing.RootKeys{}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		found, err := offline.Check(t.Context())
		if err = errors.Join(err, offline.Close()); err != nil || found.Open < 4 || len(found.Wrong) > 0 {
			t.Errorf("check: %+v, %v", found, err)
		}
	}
	check()
	if text := readyText(t, s); text != "200 ready\n" {
		t.Error(text)
	}

	if err := second.Crash(); err != nil {
		t.Fatal(err)
	}
	must("SignalWorkflowExecution", signalOf, by[0][:2]...)
	away := func() {
		t.Helper()
		eventually(t, "the home is away", func() bool {
			must("SignalWorkflowExecution", signalOf, by[0][0])
			text := readyText(t, s)
			return strings.HasPrefix(text, "200 ready") && strings.Contains(text, homeIsAway) && call(t.Context(), s, "SignalWorkflowExecution", fmt.Sprintf(signalOf, by[1][0])).status == 500
		})
		newBrowser(t, s.URL()).sees(newBrowser(t, s.URL()).get("/console/us-east-1/-server"), 200, "Homes of the store", "does not answer: calls for its executions fail", "-nil&gt;", "-<nil>")
		fails("SignalWorkflowExecution", fmt.Sprintf(signalOf, by[1][1]))
		fails("StartWorkflowExecution", fmt.Sprintf(startOf, by[1][2]))
		fails("ListOpenWorkflowExecutions", listOpen)
		fails("CountOpenWorkflowExecutions", countOpen)
	}
	away()
	must("StartWorkflowExecution", startOf, by[0][2])
	must("RegisterDomain", `{"name":"%s","workflowExecutionRetentionPeriodInDays":"7"}`, "another")

	closeServer(t, s)
	if s2, err := Start(t.Context(), cfg); err != nil {
		t.Fatal(err)
	} else {
		s = s2
	}
	defer func() { closeServer(t, s) }()
	away()

	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the home is back", func() bool {
		return call(t.Context(), s, "SignalWorkflowExecution", fmt.Sprintf(signalOf, by[1][0])).status == 200
	})
	must("SignalWorkflowExecution", signalOf, by[1][1])
	must("StartWorkflowExecution", startOf, by[1][2])
	eventually(t, "it is ready", func() bool { return readyText(t, s) == "200 ready\n" })
	listed := call(t.Context(), s, "ListOpenWorkflowExecutions", listOpen)
	for _, id := range append(by[0], by[1]...) {
		if !strings.Contains(listed.body, `"`+id+`"`) {
			t.Errorf("%s is not among %d %s", id, listed.status, listed.body)
		}
	}
	check()
}

// TestHomesOfACluster: two nodes share two homes. Both answer for all; when the way to one home is cut its executions are
// nobody's, and those of the other one stay where they are.
func TestHomesOfACluster(t *testing.T) {
	first := pgtest.New(t)
	if _, err := first.SQL("create database b"); err != nil {
		t.Fatal(err)
	}
	way, err := linktest.NewWay(fmt.Sprintf("127.0.0.1:%d", first.Port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(way.Close)
	second := strings.Replace(first.DSNOf("b"), fmt.Sprintf("127.0.0.1:%d", first.Port()), way.Addr(), 1)
	file := filepath.Join(t.TempDir(), "homes")
	if err := os.WriteFile(file, []byte("a="+first.DSN()+"\nb="+second+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var nodes []*Server
	key := ""
	for _, name := range []string{"a", "b"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		cfg := Config{
			Listen: "127.0.0.1:0", Store: StorePostgres, Postgres: "@" + file, Data: t.TempDir(), Auth: AuthNone,
			Cluster: Cluster{Node: name, Listen: l.Addr().String()},
		}
		l.Close()
		if key != "" {
			if err := errors.Join(os.Chmod(cfg.Data, 0o700), os.WriteFile(sealing.RootKeyFile(cfg.Data), []byte(key), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		nodes = append(nodes, start(t, cfg))
		b, err := os.ReadFile(sealing.RootKeyFile(cfg.Data))
		if err != nil {
			t.Fatal(err)
		}
		key = string(b)
	}
	register(t, nodes[0])
	by := orders(nodes[0], 8)
	signals := func(id string) bool {
		for _, s := range nodes {
			if call(t.Context(), s, "SignalWorkflowExecution", fmt.Sprintf(signalOf, id)).status != 200 {
				return false
			}
		}
		return true
	}
	for home, ids := range by {
		for i, id := range ids {
			mustCall(t, nodes[i%2], "StartWorkflowExecution", fmt.Sprintf(startOf, id))
			eventually(t, "both nodes reach "+id, func() bool { return signals(id) })
		}
		eventually(t, "each node has shards of home "+strconv.Itoa(home), func() bool {
			has := 0
			for _, s := range nodes {
				for shard := home; shard < int(s.shards); shard += 2 {
					if s.cluster.Has(uint16(shard)) {
						has++
						break
					}
				}
			}
			return has == len(nodes)
		})
	}
	way.Set(true, true, 0)
	eventually(t, "the home is away", func() bool {
		for _, s := range nodes {
			text := readyText(t, s)
			if !strings.HasPrefix(text, "200 ready") || !strings.Contains(text, homeIsAway) || call(t.Context(), s, "SignalWorkflowExecution", fmt.Sprintf(signalOf, by[1][0])).status != 500 {
				return false
			}
		}
		return true
	})
	for _, id := range by[0] {
		if !signals(id) {
			t.Errorf("%s is in the home that answers, and is not reached", id)
		}
	}
	way.Set(false, false, 0)
	for _, id := range by[1] {
		eventually(t, id+" is reached again", func() bool { return signals(id) })
	}
	if lost, err := nodes[0].shardsOfAll.Losses(t.Context()); err != nil || len(lost) > 0 { // each node hears of the sequences of all shards
		t.Errorf("losses %+v, %v", lost, err)
	}
	for i := range 100 { // the shard of a list is in the home that all need
		if list := strconv.Itoa(i); nodes[0].cluster.ListOf(list)%2 != 0 {
			t.Fatalf("list %q is with a shard of the second home", list)
		}
	}
	for range 16 { // task lists are where all reach them, whatever home a task is of
		if task := mustCall(t, nodes[0], "PollForDecisionTask", pollDeciders); task.TaskToken == "" {
			t.Fatal("a poll came back empty")
		}
	}
}

// TestCopyToHomes: what a folder had is in the homes, each entry of a list in that of its execution.
func TestCopyToHomes(t *testing.T) {
	database := pgtest.New(t)
	if _, err := database.SQL("create database b"); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: AuthNone}
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	register(t, s)
	by := orders(s, 3)
	for _, ids := range by {
		for _, id := range ids {
			mustCall(t, s, "StartWorkflowExecution", fmt.Sprintf(startOf, id))
		}
	}
	closeServer(t, s)
	setting := "a=" + database.DSN() + " b=" + database.DSNOf("b")
	if _, err := CopyToPostgres(t.Context(), cfg.Data, "", setting, sealing.RootKeys{}, log); err != nil {
		t.Fatal(err)
	}
	offline, err := OpenOfflinePostgres(t.Context(), cfg.Data, setting, sealing.RootKeys{}, log)
	if err != nil {
		t.Fatal(err)
	}
	found, err := offline.Check(t.Context())
	if err = errors.Join(err, offline.Close()); err != nil || found.Open < 6 || len(found.Wrong) > 0 {
		t.Errorf("check: %+v, %v", found, err)
	}
	if n, err := database.SQL("select count(*) from heddle.entries"); err != nil || n == "0" {
		t.Errorf("home a has %s entries, %v", n, err)
	}
	cfg.Store, cfg.Postgres = StorePostgres, setting
	moved, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = moved.Close(context.Background()) }()
	eventually(t, "all six are listed", func() bool {
		return strings.Contains(call(t.Context(), moved, "CountOpenWorkflowExecutions", countOpen).body, `"count":6`)
	})
	mustCall(t, moved, "SignalWorkflowExecution", fmt.Sprintf(signalOf, by[1][0]))
	blobIn, err := moved.blobs.Put(t.Context(), strings.NewReader("in the first home"))
	if err != nil {
		t.Fatal(err)
	}
	one := cfg
	one.Postgres, one.Data = database.DSNOf("b"), t.TempDir()
	if s, err := Start(t.Context(), one); err == nil || !strings.Contains(err.Error(), "give all of them") {
		t.Errorf("a home was served from alone: %v", err)
		if err == nil {
			closeServer(t, s)
		}
	}

	// And out of the homes again, once their server has stopped.
	for _, sql := range []string{"create database alone", "create database another"} {
		if _, err := database.SQL(sql); err != nil {
			t.Fatal(err)
		}
	}
	alone := database.DSNOf("alone")
	out := func() error {
		_, err := CopyToPostgres(t.Context(), cfg.Data, setting, alone, sealing.RootKeys{}, log)
		return err
	}
	if err := out(); err == nil {
		t.Error("the store of a running server was copied")
	}
	closeServer(t, moved)
	if _, err := CopyToPostgres(t.Context(), cfg.Data, database.DSNOf("another"), alone, sealing.RootKeys{}, log); err == nil {
		t.Error("another store than the folder's was copied")
	}
	if err := out(); err != nil {
		t.Fatal(err)
	}
	cfg.Postgres = alone
	back := start(t, cfg)
	if a := call(t.Context(), back, "CountOpenWorkflowExecutions", countOpen); !strings.Contains(a.body, `"count":6`) {
		t.Errorf("out of the homes: %s", a.body)
	}
	mustCall(t, back, "SignalWorkflowExecution", fmt.Sprintf(signalOf, by[1][1]))
	if got, err := back.blobs.Read(t.Context(), blobIn.ID); err != nil || string(got) != "in the first home" {
		t.Errorf("the blob: %q, %v", got, err)
	}
}

// TestWhatAllNeedIsInOneHome: names of all kinds but those of which there are many are in the first home, if the store
// began with several.
func TestWhatAllNeedIsInOneHome(t *testing.T) {
	const homes = 3
	node, err := shard.OpenNode(t.Context(), shard.Config{
		Store: memstore.New(64), Shards: 64, Hash: &keys.Hash{1}, Rules: rulesOf(Services()), Offers: matching.New(matching.Config{PollsPerListMax: 1}),
		Homes: homes, NeededIn: homes, CachedStates: 1, Log: slog.New(slog.DiscardHandler),
	}, newClock(newSystemTime(), slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer node.Stop(t.Context())
	spread := []string{}
	for kind := range rulesOf(Services()) {
		for i := range 100 {
			if node.ShardOf(&engine.Command{Name: engine.Name{Kind: kind, Key: strconv.Itoa(i)}})%homes != 0 {
				spread = append(spread, string(kind))
				break
			}
		}
	}
	slices.Sort(spread)
	if got := strings.Join(spread, " "); got != "dataexchange-data-set dataexchange-entitled dataexchange-grant dataexchange-job dataexchange-revision sfn-execution sfn-map-run swf" {
		t.Errorf("in all homes are names of the kinds %s", got)
	}
}

// TestHomesSetting: what --postgres may say.
func TestHomesSetting(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b")
	if err := os.WriteFile(file, []byte("host=b dbname=heddle\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"postgres://heddle@db/heddle?options=-c%20x=y":       "",
		"host=db user=heddle password=postgres://x dbname=":  "",
		"a=postgres://h@x,y/heddle  b=postgresql://z/heddle": "a:postgres://h@x,y/heddle b:postgresql://z/heddle",
		"a=postgres://x/heddle\nb=@" + file + "\n":           "a:postgres://x/heddle b:host=b dbname=heddle",
		"a=postgres://x/heddle":                              "no name",
		"a=postgres://x/heddle host=db":                      "no home",
		"a=postgres://x/heddle b=@/nowhere":                  `home "b"`,
	} {
		all, dsns, err := homesOf(setting)
		var got []string
		for i := range all {
			got = append(got, all[i].Name+":"+dsns[i])
		}
		if text := strings.Join(got, " "); err == nil && text != want || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %q, %v; want %q", setting, text, err, want)
		}
	}
}
