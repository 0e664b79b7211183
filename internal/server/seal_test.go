package server

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"heddle/internal/rootkey"
	"heddle/internal/runlog"
	"heddle/internal/sealing"
	"heddle/internal/store"
	"heddle/internal/store/pebblestore"
)

// onDisk is a server on a folder of its own.
func onDisk(t *testing.T) Config {
	return Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Auth: AuthNone}
}

var plantedWord = regexp.MustCompile(`planted[a-z-]+`)

// codes are the words that were coded, by the core of what they became. What stands around it
// may be packed with what stands before and behind.
var codes sync.Map

// coded is what is planted for a word: what no packing makes much shorter.
func coded(word string) string {
	sum := sha256.Sum256([]byte(word))
	code := "Z" + base64.RawURLEncoding.EncodeToString(sum[:15])
	codes.Store(code[4:len(code)-4], word)
	return code
}

// plant runs workflows in which every text that a client may choose begins with
// planted, coded, and gives those texts.
func plant(t *testing.T, s *Server) []string {
	t.Helper()
	words := map[string]bool{}
	do := func(action, body string) string {
		t.Helper()
		for _, word := range plantedWord.FindAllString(body, -1) {
			words[word] = true
		}
		return mustCall(t, s, action, plantedWord.ReplaceAllStringFunc(body, coded)).TaskToken
	}
	decide := func(decisions string) {
		t.Helper()
		token := do("PollForDecisionTask", `{"domain":"planted-domain","taskList":{"name":"planted-list"},"identity":"planted-decider"}`)
		do("RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","executionContext":"planted-context","decisions":[`+decisions+`]}`)
	}
	work := func() string {
		t.Helper()
		return do("PollForActivityTask", `{"domain":"planted-domain","taskList":{"name":"planted-list"},"identity":"planted-worker"}`)
	}
	do("RegisterDomain", `{"name":"planted-domain","description":"planted-description","workflowExecutionRetentionPeriodInDays":"7"}`)
	do("RegisterWorkflowType", `{"domain":"planted-domain","name":"planted-type","version":"planted-version","description":"planted-about",
		"defaultTaskList":{"name":"planted-list"},"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`)
	do("RegisterActivityType", `{"domain":"planted-domain","name":"planted-activity","version":"1","defaultTaskList":{"name":"planted-list"},
		"defaultTaskHeartbeatTimeout":"60","defaultTaskScheduleToCloseTimeout":"60","defaultTaskScheduleToStartTimeout":"60","defaultTaskStartToCloseTimeout":"60"}`)
	start := func(id string) {
		t.Helper()
		do("StartWorkflowExecution", `{"domain":"planted-domain","workflowId":"`+id+`","input":"planted-input","tagList":["planted-tag"],
			"workflowType":{"name":"planted-type","version":"planted-version"}}`)
	}
	start("planted-one")
	do("SignalWorkflowExecution", `{"domain":"planted-domain","workflowId":"planted-one","signalName":"planted-signal","input":"planted-news"}`)
	const schedule = `{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityId":"planted-task","control":"planted-control",
		"input":"planted-argument","activityType":{"name":"planted-activity","version":"1"}}}`
	decide(schedule + `,
		{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"planted-timer","startToFireTimeout":"3000"}},
		{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"planted-marker","details":"planted-mark"}},
		{"decisionType":"SignalExternalWorkflowExecution","signalExternalWorkflowExecutionDecisionAttributes":{"workflowId":"planted-nobody","signalName":"planted-call"}}`)
	token := work()
	do("RecordActivityTaskHeartbeat", `{"taskToken":"`+token+`","details":"planted-heartbeat"}`)
	do("RespondActivityTaskCompleted", `{"taskToken":"`+token+`","result":"planted-result"}`)
	decide(strings.Replace(schedule, "planted-task", "planted-again", 1))
	do("RespondActivityTaskFailed", `{"taskToken":"`+work()+`","reason":"planted-reason","details":"planted-details"}`)
	decide(`{"decisionType":"CompleteWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{"result":"planted-outcome"}}`)
	start("planted-two")
	decide(`{"decisionType":"FailWorkflowExecution","failWorkflowExecutionDecisionAttributes":{"reason":"planted-failure","details":"planted-why"}}`)
	start("planted-three")
	do("TerminateWorkflowExecution", `{"domain":"planted-domain","workflowId":"planted-three","reason":"planted-end","details":"planted-because"}`)
	start("planted-open")
	return slices.Sorted(maps.Keys(words))
}

// plantedIn gives the planted texts that lie in a data folder, in all files but
// those that are to be kept apart from copies of it.
func plantedIn(t *testing.T, data string) []string {
	t.Helper()
	words := map[string]bool{}
	files := 0
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == sealing.RootKeyFile(data) || path == CredentialsFile(data) {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		for _, word := range plantedWord.FindAll(b, -1) {
			words[string(word)] = true
		}
		codes.Range(func(code, word any) bool {
			if bytes.Contains(b, []byte(code.(string))) {
				words[word.(string)] = true
			}
			return true
		})
		return err
	})
	if err != nil || files < 4 {
		t.Fatalf("searched %d files, %v", files, err)
	}
	return slices.Sorted(maps.Keys(words))
}

// TestACopiedFolderRevealsNothing reads the files of a data folder, as somebody
// who has a copy of it, but not the root key. If it is not sealed they find all.
func TestACopiedFolderRevealsNothing(t *testing.T) {
	plain := onDisk(t)
	plain.Sealing = SealingOff
	s := start(t, plain)
	planted := plant(t, s)
	if found := plantedIn(t, plain.Data); !slices.Equal(found, planted) {
		t.Fatalf("not sealed, found\n%v\nwant\n%v", found, planted)
	}

	cfg := onDisk(t)
	cfg.EventsConfig = deadTarget(t)
	cfg.Audit.Data = true // it is to hide even that
	s = start(t, cfg)
	plant(t, s)
	waitUntil(t, "the audit trail is on disk", func() bool { return strings.Contains(readTrail(t, cfg), coded("planted-open")) })
	if found := plantedIn(t, cfg.Data); len(found) > 0 {
		t.Errorf("with the running server: %v", found)
	}
	closeServer(t, s)
	if found := plantedIn(t, cfg.Data); len(found) > 0 {
		t.Errorf("after it was closed: %v", found)
	}
	info, err := os.Stat(sealing.RootKeyFile(cfg.Data))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("root key: %v, %v", info, err)
	}
	if rel, err := filepath.Rel(sealing.StoreDir(cfg.Data), sealing.RootKeyFile(cfg.Data)); err != nil || !strings.HasPrefix(rel, "..") {
		t.Errorf("the root key is in the store, at %q", rel)
	}
	s = start(t, cfg)
	mustCall(t, s, "DescribeDomain", `{"name":"`+coded("planted-domain")+`"}`)
}

// refused wants a start to fail, and its error to hold words.
func refused(t *testing.T, cfg Config, words ...string) {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if err == nil {
		closeServer(t, s)
		t.Errorf("started, want an error with %q", words)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("start: %v\nwant %q in it", err, word)
		}
	}
}

func newRootKeys(t *testing.T) (text string, keys *rootkey.Keys) {
	t.Helper()
	text, err := rootkey.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err = rootkey.Parse(text); err != nil {
		t.Fatal(err)
	}
	return text, keys
}

func writeRootKeys(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestASealedStoreWantsItsKey starts servers without it, with another, and with
// the same one from elsewhere.
func TestASealedStoreWantsItsKey(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	register(t, s)
	closeServer(t, s)
	file := sealing.RootKeyFile(cfg.Data)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := rootkey.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	refused(t, cfg, `open store "`+sealing.StoreDir(cfg.Data)+`"`, "put the file back", "--root-key-file", "HEDDLE_ROOT_KEY", "--kms-key-id", file)
	if exists(file) {
		t.Fatal("a new key was made for a sealed store")
	}
	otherText, other := newRootKeys(t)
	writeRootKeys(t, file, otherText)
	refused(t, cfg, keys.Name(), other.Name(), "give it too")
	off := cfg
	off.Sealing = SealingOff
	refused(t, off, "it is sealed", "heddle rekey")
	both := cfg
	both.RootKeys = sealing.RootKeys{File: file, Text: string(text)}
	refused(t, both, "more than one place")
	if _, err := OpenOffline(t.Context(), cfg.Data, sealing.RootKeys{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), keys.Name()) {
		t.Errorf("reading the stopped store: %v", err)
	}

	environment := cfg
	environment.RootKeys.Text = string(text)
	s = start(t, environment)
	mustCall(t, s, "DescribeDomain", `{"name":"shop"}`)
	closeServer(t, s)
	elsewhere := cfg
	elsewhere.RootKeys.File = filepath.Join(t.TempDir(), "key")
	writeRootKeys(t, elsewhere.RootKeys.File, string(text))
	mustCall(t, start(t, elsewhere), "DescribeDomain", `{"name":"shop"}`)
}

// TestKMSRefuses: a server that can't wrap its data keys does not start, and
// leaves a store that can be started when it can.
func TestKMSRefuses(t *testing.T) {
	kms := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","message":"not you"}`)
	}))
	defer kms.Close()
	cfg := onDisk(t)
	cfg.RootKeys.KMS = rootkey.KMS{
		KeyIDs: []string{"alias/heddle"}, Endpoint: kms.URL, Region: "eu-west-1",
		Access: rootkey.AccessKey{ID: "AKID", Secret: "secret"},
	}
	refused(t, cfg, `root key "kms:alias/heddle"`, "AccessDeniedException")
	if exists(sealing.RootKeyFile(cfg.Data)) {
		t.Error("a root key was made though it is in the KMS")
	}
	cfg.RootKeys = sealing.RootKeys{}
	register(t, start(t, cfg))
}

// TestAServerWatchesItsRootKeys takes as long as the server may wait before it
// looks.
func TestAServerWatchesItsRootKeys(t *testing.T) {
	t.Parallel()
	cfg := onDisk(t)
	s := start(t, cfg)
	old, err := os.ReadFile(sealing.RootKeyFile(cfg.Data))
	if err != nil {
		t.Fatal(err)
	}
	text, keys := newRootKeys(t)
	writeRootKeys(t, sealing.RootKeyFile(cfg.Data), text+string(old))
	waitUntil(t, "the new root key wraps", func() bool {
		row, err := s.store.Meta().Get(t.Context(), "store/keys")
		return err == nil && keys.Current(row)
	})
	wrapped, err := os.ReadFile(trailKey(cfg.Data))
	if err != nil || !keys.Current(wrapped) {
		t.Errorf("the key of the audit trail: %v", err)
	}
}

// TestTamperedStore changes one byte of an event in a stopped store.
func TestTamperedStore(t *testing.T) {
	cfg := onDisk(t)
	s := start(t, cfg)
	register(t, s)
	mustCall(t, s, "StartWorkflowExecution", startOrder)
	closeServer(t, s)

	engine, err := pebblestore.Open(pebblestore.Options{Dir: sealing.StoreDir(cfg.Data)})
	if err != nil {
		t.Fatal(err)
	}
	where := ""
	for shard := range engine.Shards() {
		h, err := engine.Acquire(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		section := store.Section{Shard: shard, Epoch: h.Epoch(), Seq: h.Seq() + 1}
		err = engine.Scan(t.Context(), shard, store.Range{Start: []byte("h"), End: []byte("i")}, func(key, value []byte) bool {
			value = bytes.Clone(value)
			value[len(value)/2] ^= 1
			section.Ops = append(section.Ops, store.Op{Key: bytes.Clone(key), Value: value})
			return false
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(section.Ops) == 0 {
			continue
		}
		if err := engine.Commit(t.Context(), []store.Section{section})[0]; err != nil {
			t.Fatal(err)
		}
		where = fmt.Sprintf("shard %d, key %x", shard, section.Ops[0].Key)
		break
	}
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	if found, err := check(t, cfg); err == nil || where == "" || !strings.Contains(err.Error(), where) {
		t.Errorf("check: %+v, %v, want an error at %q", found, err, where)
	}
}

// check verifies a stopped store.
func check(t *testing.T, cfg Config) (*runlog.Findings, error) {
	t.Helper()
	o, err := OpenOffline(t.Context(), cfg.Data, cfg.RootKeys, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	found, err := o.Check(t.Context())
	return found, errors.Join(err, o.Close())
}
