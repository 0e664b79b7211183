// Command stub is the ceiling of a machine: the least that a server can do and
// still answer the workload one-activity as a durable service would. Behind the
// same net/http, and after the same check of signatures, it keeps runs in maps,
// answers the workload's seven calls with as many bytes as the real server, and
// lets nobody hear of anything before a group commit has synced it to a log.
//
// It has no rules, timers, timeouts or visibility, reads no log back, and answers
// nothing but that workload (and its declarations, with which it does nothing).
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"heddle/internal/aws/authn"
	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/credentials"
	"heddle/internal/aws/operation"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "stub:", err)
		os.Exit(1)
	}
}

func serve() error {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	data := flag.String("data", "", "folder of the log; empty: none is kept")
	key := flag.String("key", "", "id of the key that signs requests; empty: signatures are not verified")
	secret := flag.String("secret", "", "the key's secret")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	s := &stub{verify: func(*http.Request, []byte) error { return nil }}
	if *key != "" {
		root := credentials.Root("123456789012", credentials.KeyPair{KeyID: *key, Secret: credentials.Secret(*secret)})
		signed := authn.New(authn.Config[*credentials.Credential]{Keys: onlyKey{&root}, Now: time.Now})
		s.verify = func(r *http.Request, body []byte) error {
			_, _, err := signed.Identify(r, []string{"swf"}, whole(body))
			return err
		}
	}
	if *data != "" {
		var err error
		if s.journal, err = openJournal(filepath.Join(*data, "log")); err != nil {
			return err
		}
		go s.journal.run()
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Printf("stub listens on http://%s \n", listener.Addr())
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// whole is a body that was read.
type whole []byte

// Digest implements authn.Body.
func (b whole) Digest() [sha256.Size]byte { return sha256.Sum256(b) }

// onlyKey knows one access key.
type onlyKey struct{ *credentials.Credential }

// Lookup implements authn.Keys.
func (k onlyKey) Lookup(_ context.Context, keyID, _ string) (*credentials.Credential, error) {
	if keyID != k.KeyID {
		return nil, credentials.ErrUnknown
	}
	return k.Credential, nil
}

// stub answers requests.
type stub struct {
	state
	verify  func(r *http.Request, body []byte) error
	journal *journal // nil: none
}

var bodies = sync.Pool{New: func() any { return new([]byte) }}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var random [16]byte
	rand.Read(random[:])
	id := operation.RequestID(random)
	pooled := bodies.Get().(*[]byte)
	defer bodies.Put(pooled)
	if int64(cap(*pooled)) < r.ContentLength {
		*pooled = make([]byte, 2*r.ContentLength)
	}
	body := (*pooled)[:max(0, r.ContentLength)]
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return // the caller has gone
	}
	if err := s.verify(r, body); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	answer, err := s.answer(r.Context(), action, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_ = awsjson.Write(w, r, id, "1.0", http.StatusOK, answer) // a caller who has gone needs no answer
}

func (s *stub) answer(ctx context.Context, action string, body []byte) ([]byte, error) {
	switch action {
	case "StartWorkflowExecution":
		run, err := s.start(body)
		if err != nil {
			return nil, err
		}
		s.commit(action, body)
		s.decisions.offer(run)
		return []byte(`{"runId":` + runID + `}`), nil
	case "PollForDecisionTask":
		return s.poll(ctx, &s.decisions, (*run).decisionTask)
	case "PollForActivityTask":
		return s.poll(ctx, &s.activities, (*run).activityTask)
	case "RespondDecisionTaskCompleted":
		run, closed, err := s.decide(body)
		if err != nil {
			return nil, err
		}
		s.commit(action, body)
		if !closed {
			s.activities.offer(run)
		}
		return nil, nil
	case "RespondActivityTaskCompleted":
		run, err := s.complete(body)
		if err != nil {
			return nil, err
		}
		s.commit(action, body)
		s.decisions.offer(run)
		return nil, nil
	case "RegisterDomain", "RegisterWorkflowType", "RegisterActivityType":
		return nil, nil
	}
	return nil, fmt.Errorf("action %q is not of the workload", action)
}

// poll waits for a task; that it was taken is durable before the taker hears.
func (s *stub) poll(ctx context.Context, tasks *list, take func(*run) []byte) ([]byte, error) {
	run := tasks.take(ctx)
	if run == nil {
		return []byte(`{"startedEventId":0}`), nil
	}
	answer := take(run)
	s.commit("taken", []byte(run.id))
	return answer, nil
}

func (s *stub) commit(what string, body []byte) {
	if s.journal != nil {
		s.journal.commit(what, body)
	}
}
