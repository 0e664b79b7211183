package operator

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/operator/batch"
	"heddle/internal/operator/wire"
	"heddle/internal/pack"
	"heddle/internal/service/tasks"
)

const (
	// batchPlaces is how many pages of batches are done at a time, of all accounts.
	batchPlaces = 8
	// batchPage is how many executions a page has.
	batchPage = 100
	// batchBeside is how many executions of a batch something is done to before what became of
	// them is kept: what was not when the server was killed is done once more.
	batchBeside = 8
	// batchTries is how often a call is tried that fails in the server itself.
	batchTries = 3
	// batchRest is how long a batch rests that is throttled.
	batchRest = time.Second
	// batchAgent is the user agent in the records of what batches call.
	batchAgent = "heddle-batch"
)

// newBatches makes the performer that does pages of batches. What is under way when the server
// stops is done to its end, and the rest goes on at the next start.
func (s *actions) newBatches() *tasks.Performer {
	return &tasks.Performer{Kernel: s.Kernel, List: batch.List, Places: batchPlaces, Perform: s.turnBatch, Failed: "a batch did not get on"}
}

// errRest says that it is too early for more.
var errRest = errors.New("throttled")

// turning is a page that is being done.
type turning struct {
	run  engine.RunID
	turn int64
}

// turnBatch does one page of a batch. Of one that is offered again while it is being done, as
// after a shard was recovered, whoever does it does the rest.
func (s *actions) turnBatch(ctx context.Context, t tasks.Task) (handBack func(), _ error) {
	this := turning{t.Run, t.ID}
	if _, busy := s.turning.LoadOrStore(this, true); busy {
		return nil, nil
	}
	defer s.turning.Delete(this)
	w, tries := t.Name.World, map[batch.Execution]int{}
	for {
		b, err := s.askBatches(ctx, w, batch.Offered{Turn: t.ID})
		if err != nil || b == nil { // it has ended, or was turned
			return nil, err
		}
		switch err = s.stepBatch(ctx, w, b, tries); {
		case errors.Is(err, errRest):
			s.rest(ctx)
		case err != nil:
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// stepBatch looks for a page, or does some of one, in the right of who began the batch.
// Errors: errRest.
func (s *actions) stepBatch(ctx context.Context, w engine.World, b *batch.Batch, tries map[batch.Execution]int) error {
	order, err := orderOf(b)
	if err != nil {
		return err
	}
	caller, err := s.holder(ctx, w, b)
	if why, ok := errors.AsType[*endedError](err); ok {
		return s.endBatch(ctx, w, b, why.Error())
	}
	if err != nil {
		return err
	}
	if len(b.Page) == 0 {
		return s.searchBatch(ctx, w, b, order, caller)
	}
	return s.tryBatch(ctx, w, b, order, caller, tries)
}

func (s *actions) endBatch(ctx context.Context, w engine.World, b *batch.Batch, why string) error {
	_, err := s.askBatches(ctx, w, batch.End{Batch: b.ID, Status: batch.Failed, Why: why})
	return err
}

// searchBatch looks for the next page.
func (s *actions) searchBatch(ctx context.Context, w engine.World, b *batch.Batch, order *wire.StartBatchInput, caller *operation.Caller) error {
	search, size := searchOf(order), int64(batchPage)
	search.MaximumPageSize = &size
	if b.Next != "" {
		search.NextPageToken = &b.Next
	}
	answer, err := s.Calls.Call(ctx, caller, Name, "SearchExecutions", search)
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		if passes(f) {
			return errRest
		}
		return s.endBatch(ctx, w, b, "The search was refused: "+f.Error())
	}
	if err != nil {
		return err
	}
	out := answer.(*wire.SearchExecutionsOutput)
	found := batch.Found{Batch: b.ID, Looked: out.LookedAt, Next: text(out.NextPageToken)}
	for i := range out.Executions {
		of := &out.Executions[i].Execution
		found.Page = append(found.Page, batch.Execution{WorkflowID: text(of.WorkflowID) + text(of.ExecutionARN), RunID: text(of.RunID)})
	}
	_, err = s.askBatches(ctx, w, found)
	return err
}

// passes tells whether a call may work later.
func passes(f *fault.Fault) bool {
	return f.Kind == fault.Throttling || f.Kind == fault.Unavailable || f.Kind == fault.Internal
}

// tryBatch does it to the first executions of the page, and keeps what became of them. Errors:
// errRest.
func (s *actions) tryBatch(ctx context.Context, w engine.World, b *batch.Batch, order *wire.StartBatchInput, caller *operation.Caller, tries map[batch.Execution]int) error {
	by, deed := s.batcher(b.Domain), deedOf(order)
	some := b.Page[:min(len(b.Page), batchBeside)]
	var (
		next  atomic.Int64
		mu    sync.Mutex
		tried = batch.Tried{Batch: b.ID}
	)
	s.Beside(len(some), func() {
		e := some[next.Add(1)-1]
		name, in, err := by.Call(deed, refWithin(b, e))
		if err == nil {
			who := *caller                                                                  // what it was asked is bounded for each call
			_, err = s.Calls.Call(context.WithoutCancel(ctx), &who, name, order.Action, in) // when the server stops it is done to its end
		}
		mu.Lock()
		defer mu.Unlock()
		f, refused := errors.AsType[*fault.Fault](err)
		tries[e]++
		switch {
		case err == nil:
			tried.Outcomes = append(tried.Outcomes, batch.Outcome{Execution: e})
		case by.IsGone(err):
			tried.Outcomes = append(tried.Outcomes, batch.Outcome{Execution: e, Gone: true})
		case refused && (f.Kind == fault.Throttling || f.Kind == fault.Unavailable), tries[e] < batchTries && (!refused || f.Kind == fault.Internal):
			// It stays in the page.
		case refused:
			tried.Outcomes = append(tried.Outcomes, batch.Outcome{Execution: e, Code: f.Name(), Message: diagnose.Short(f.Message, batch.MessageMax)})
		default:
			s.Log.Error("a call of a batch failed", "account", w.Account, "batch", b.ID, "workflowId", e.WorkflowID, "cause", err)
			tried.Outcomes = append(tried.Outcomes, batch.Outcome{Execution: e, Code: "InternalFailure", Message: "The server's log says why."})
		}
	})
	if len(tried.Outcomes) == 0 {
		return errRest
	}
	return s.keepTried(ctx, w, tried)
}

// keepTried keeps what became of executions. While it can't be known whether it was kept it is
// said again, so that nothing is done again.
func (s *actions) keepTried(ctx context.Context, w engine.World, tried batch.Tried) error {
	for {
		_, err := s.askBatches(context.WithoutCancel(ctx), w, tried)
		if !errors.Is(err, engine.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		s.rest(ctx)
	}
}

// rest waits a little, unless the server stops.
func (s *actions) rest(ctx context.Context) {
	pause, cancel := s.Within(ctx, batchRest)
	defer cancel()
	<-pause.Done()
}

// endedError says why the one who began a batch may do nothing any more.
type endedError struct{ why string }

func (e *endedError) Error() string { return e.why }

// hold is in whose right a batch goes on: a key, with its session's token, and what tells whether
// its secret is still the same. It is sealed, and bound to the world.
func (s *actions) hold(w engine.World, who *account.Caller) (string, error) {
	if s.Trusting {
		return "", nil
	}
	b := pack.Text(pack.Text(pack.Text(nil, who.KeyID), string(who.Token)), string(who.Proof()))
	aead := s.holds()
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(s.Random, nonce); err != nil {
		return "", fmt.Errorf("seal in whose right a batch goes on: %w", err)
	}
	return base64.RawStdEncoding.EncodeToString(aead.Seal(nonce, nonce, b, []byte(w.Account+"\x00"+w.Region))), nil
}

func (s *actions) holds() cipher.AEAD {
	block, err := aes.NewCipher(s.Secret[:])
	if err != nil {
		panic(fmt.Sprintf("operator: %v", err)) // the key has the length that it must have
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("operator: %v", err))
	}
	return aead
}

// holder is who began a batch, if his key may still be used. Errors: *endedError.
func (s *actions) holder(ctx context.Context, w engine.World, b *batch.Batch) (*operation.Caller, error) {
	r := &http.Request{Method: http.MethodPost, URL: nil, Header: http.Header{"User-Agent": {batchAgent}}, RemoteAddr: b.Address}
	if b.Secure {
		r.TLS = &tls.ConnectionState{}
	}
	who, err := s.standing(ctx, w, b)
	if err != nil {
		return nil, err
	}
	c := s.CallerOf(who, w.Region, r.WithContext(ctx))
	return &c, nil
}

func (s *actions) standing(ctx context.Context, w engine.World, b *batch.Batch) (*account.Caller, error) {
	if s.Trusting {
		return s.Accounts.Root(w.Account), nil
	}
	aead := s.holds()
	sealed, err := base64.RawStdEncoding.DecodeString(b.Hold)
	if err == nil && len(sealed) >= aead.NonceSize() {
		n := aead.NonceSize()
		sealed, err = aead.Open(nil, sealed[:n], sealed[n:], []byte(w.Account+"\x00"+w.Region))
	}
	if err != nil {
		return nil, &endedError{"In whose right it goes on can't be read: the server's keys are others than when it began."}
	}
	r := pack.Read(sealed)
	key, session, proof := r.Text(), r.Text(), r.Text()
	if r.Done() != nil {
		return nil, &endedError{"In whose right it goes on can't be read."}
	}
	who, err := s.Accounts.Lookup(ctx, key, session)
	switch {
	case errors.Is(err, credentials.ErrUnknown):
	case err != nil:
		return nil, fmt.Errorf("look up access key %q: %w", key, err)
	case subtle.ConstantTimeCompare([]byte(who.Token), []byte(session)) != 1:
	case !who.Expires.IsZero() && !s.Now().Before(who.Expires):
		return nil, &endedError{"The session of " + b.By + " in which it was begun has ended."}
	case subtle.ConstantTimeCompare(who.Proof(), []byte(proof)) == 1:
		s.Accounts.Used(who.Account, who.KeyID, account.Use{At: s.Now(), Service: Name, Region: w.Region})
		return who, nil
	}
	return nil, &endedError{"The access key of " + b.By + " with which it was begun may not be used any more."}
}
