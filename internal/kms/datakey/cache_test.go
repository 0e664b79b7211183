package datakey

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/aws/policy"
	"heddle/internal/engine"
	"heddle/internal/iam/account"
)

// service is a key management service that knows data keys by their blobs.
type service struct {
	mu        sync.Mutex
	generated int
	opened    int
	keys      map[string][]byte // by blob and encryption context
	aliases   map[string]string // to keys
	refusal   error
	takes     time.Duration
}

func (s *service) key(name string) string { return cmp.Or(s.aliases[name], name) }

func (s *service) Describe(context.Context, Request) (Key, error) { return Key{}, nil }

func (s *service) GenerateDataKey(ctx context.Context, r Request) (DataKey, error) {
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal != nil {
		return DataKey{}, s.refusal
	}
	s.generated++
	plaintext := sha256.Sum256(fmt.Append(nil, s.generated))
	blob := fmt.Sprintf("blob %d of %s", s.generated, s.key(r.Key))
	s.keys[blob+fmt.Sprint(r.Context)] = slices.Clone(plaintext[:])
	return DataKey{Plaintext: plaintext[:], Blob: []byte(blob), Key: r.Key}, nil
}

func (s *service) Decrypt(ctx context.Context, r Request, blob []byte) ([]byte, error) {
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal != nil {
		return nil, s.refusal
	}
	s.opened++
	plaintext, ok := s.keys[string(blob)+fmt.Sprint(r.Context)]
	if !ok || r.Key != "" && !strings.HasSuffix(string(blob), " of "+s.key(r.Key)) {
		return nil, &Error{Why: Unreadable, Message: "no such blob"}
	}
	return slices.Clone(plaintext), nil
}

func (s *service) asked(t *testing.T, generated, opened int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generated != generated || s.opened != opened {
		t.Errorf("%d data keys were made and %d opened, want %d and %d", s.generated, s.opened, generated, opened)
	}
}

// inBubble runs a test with a clock of its own.
func inBubble(t *testing.T, f func(t *testing.T, s *service, c *Cache)) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{keys: map[string][]byte{}}
		f(t, s, newCache(s))
	})
}

func newCache(s *service) *Cache {
	return NewCache(Config{Keys: s, Now: time.Now, Within: context.WithTimeout})
}

func useBy(who string) Use {
	return Use{
		Request: Request{
			World: engine.World{Account: "1", Region: "r"}, Key: "k", Context: map[string]string{"arn": "machine"},
			Caller: &account.Caller{Credential: credentials.Credential{KeyID: who}, Principal: policy.Principal{ARN: who}},
		},
		Reuse: 300 * time.Second,
	}
}

func seal(t *testing.T, c *Cache, u Use, text string) []byte {
	t.Helper()
	sealed, err := c.Seal(t.Context(), u, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte(text)) {
		t.Errorf("%q can be read", text)
	}
	return sealed
}

func open(t *testing.T, c *Cache, u Use, sealed []byte, want string) {
	t.Helper()
	if got, err := c.Open(t.Context(), u, sealed); err != nil || string(got) != want {
		t.Errorf("opened %q, %v, want %q", got, err, want)
	}
}

func TestADataKeyIsReusedForItsPeriod(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Cache) {
		u := useBy("ann")
		first := seal(t, c, u, "payload")
		if again := seal(t, c, u, "payload"); bytes.Equal(first, again) {
			t.Error("two payloads are sealed alike")
		}
		open(t, c, u, first, "payload")
		time.Sleep(299 * time.Second)
		seal(t, c, u, "payload")
		open(t, c, u, first, "payload")
		s.asked(t, 1, 0)

		time.Sleep(time.Second)
		second := seal(t, c, u, "payload")
		s.asked(t, 2, 0)
		open(t, c, u, first, "payload") // by asking for it
		open(t, c, u, first, "payload")
		open(t, c, u, second, "payload")
		s.asked(t, 2, 1)

		// Who wants another period gets it.
		short := u
		short.Reuse = 60 * time.Second
		time.Sleep(59 * time.Second)
		seal(t, c, short, "payload")
		s.asked(t, 2, 1)
		time.Sleep(time.Second)
		seal(t, c, short, "payload")
		s.asked(t, 3, 1)
	})
}

func TestAPlaintextKeyIsForgottenThoughNobodyAsks(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Cache) {
		u := useBy("ann")
		seal(t, c, u, "payload")
		time.Sleep(100 * time.Second)
		other := u
		other.Key = "other"
		seal(t, c, other, "payload")
		if n := c.Remembered(); n != 4 {
			t.Errorf("%d are remembered, want two that seal and two that open", n)
		}
		time.Sleep(200*time.Second + time.Millisecond)
		synctest.Wait()
		if n := c.Remembered(); n != 2 {
			t.Errorf("%d are remembered, want the later two", n)
		}
		time.Sleep(100 * time.Second)
		synctest.Wait()
		if n := c.Remembered(); n != 0 {
			t.Errorf("%d are remembered", n)
		}
	})
}

// TestARestartOpensWhatWasSealed: what is sealed says with which data key.
func TestARestartOpensWhatWasSealed(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Cache) {
		sealed := seal(t, c, useBy("ann"), strings.Repeat("long ", 50_000))
		open(t, newCache(s), useBy("bob"), sealed, strings.Repeat("long ", 50_000))
		s.asked(t, 1, 1)
	})
}

// TestANameThatMeansAnotherKeyByNow: what was sealed under the one before opens.
func TestANameThatMeansAnotherKeyByNow(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Cache) {
		u := useBy("ann")
		u.Key, s.aliases = "alias", map[string]string{"alias": "old"}
		old := seal(t, c, u, "payload")
		time.Sleep(u.Reuse)
		s.aliases["alias"] = "new"
		open(t, c, u, old, "payload")
		if sealed := seal(t, c, u, "payload"); !bytes.Contains(sealed, []byte("of new")) {
			t.Errorf("it is sealed under another key: %q", sealed)
		}
		s.refusal = &Error{Why: Denied, Message: "no more"}
		time.Sleep(u.Reuse)
		if _, err := c.Open(t.Context(), u, old); !errors.Is(err, s.refusal) {
			t.Errorf("got %v", err)
		}
	})
}

// TestAQuestionHasAnEnd, though nobody answers it.
func TestAQuestionHasAnEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Cache) {
		c.Keys = silent{s}
		asked := time.Now()
		for range 2 {
			if _, err := c.Seal(t.Context(), useBy("ann"), nil); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		}
		if took := time.Since(asked); took > time.Minute {
			t.Errorf("two took %v", took)
		}
	})
}

// silent does not answer.
type silent struct{ *service }

func (silent) GenerateDataKey(ctx context.Context, _ Request) (DataKey, error) {
	<-ctx.Done()
	return DataKey{}, ctx.Err()
}

// TestEachCallerAsksForItself: what one may, another may not for that.
func TestEachCallerAsksForItself(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Cache) {
		ann, bob := useBy("ann"), useBy("bob")
		sealed := seal(t, c, ann, "payload")
		s.refusal = &Error{Why: Denied, Message: "bob may not"}
		for range 2 {
			if _, err := c.Open(t.Context(), bob, sealed); !errors.Is(err, s.refusal) {
				t.Errorf("bob: %v", err)
			}
			if _, err := c.Seal(t.Context(), bob, nil); !errors.Is(err, s.refusal) {
				t.Errorf("bob: %v", err)
			}
		}
		open(t, c, ann, sealed, "payload")
		for what, change := range map[string]func(*Use){
			"another key":     func(u *Use) { u.Key = "other" },
			"another service": func(u *Use) { u.Via = "states.r.amazonaws.com" },
			"another region":  func(u *Use) { u.World.Region = "s" },
			"another session": func(u *Use) {
				u.Caller = &account.Caller{Credential: u.Caller.Credential, Principal: policy.Principal{ARN: "ann", SessionID: "s"}}
			},
			"another context": func(u *Use) { u.Context = map[string]string{"arn": "another"} },
			"no context":      func(u *Use) { u.Context = nil },
		} {
			u := ann
			if change(&u); !refuses(c, u, sealed) {
				t.Errorf("%s: it opened", what)
			}
		}
	})
}

func refuses(c *Cache, u Use, sealed []byte) bool {
	_, err := c.Open(context.Background(), u, sealed)
	_, refused := errors.AsType[*Error](err)
	return refused
}

// TestRefusalsAreNotRemembered: a key works again when the service says so.
func TestRefusalsAreNotRemembered(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Cache) {
		u := useBy("ann")
		sealed := seal(t, c, u, "payload")
		time.Sleep(u.Reuse)
		for _, refusal := range []*Error{{Why: Unusable, State: "DISABLED"}, {Why: Denied}, {Why: Throttled}} {
			s.refusal = refusal
			if _, err := c.Open(t.Context(), u, sealed); !errors.Is(err, refusal) {
				t.Errorf("open: %v, want %v", err, refusal)
			}
			if _, err := c.Seal(t.Context(), u, nil); !errors.Is(err, refusal) {
				t.Errorf("seal: %v, want %v", err, refusal)
			}
		}
		s.refusal = nil
		open(t, c, u, sealed, "payload")
		seal(t, c, u, "payload")
		s.asked(t, 2, 1)
	})
}

// TestManyWhoNeedOneDataKeyAskOnce, though the first one hangs up.
func TestManyWhoNeedOneDataKeyAskOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Cache) {
		s.takes = time.Second
		u := useBy("ann")
		ctx, hangUp := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := c.Seal(ctx, u, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("who hung up: %v", err)
			}
		})
		synctest.Wait()
		for range 50 {
			all.Go(func() { seal(t, c, u, "payload") })
		}
		synctest.Wait()
		hangUp()
		all.Wait()
		s.asked(t, 1, 0)
		time.Sleep(u.Reuse)
		sealed := seal(t, c, u, "payload")
		time.Sleep(u.Reuse)
		for range 50 {
			all.Go(func() { open(t, c, u, sealed, "payload") })
		}
		all.Wait()
		s.asked(t, 2, 1)
		time.Sleep(u.Reuse) // so that nothing is left to wait for
	})
}

func TestWhatIsRememberedHasABound(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Cache) {
		c.BytesMax = 20 * (entryBytes + 20)
		var sealed [][]byte
		for i := range 100 {
			u := useBy("ann")
			u.Key = fmt.Sprint("k", i)
			sealed = append(sealed, seal(t, c, u, "payload"))
			if c.bytes > c.BytesMax || c.recent.Len() != len(c.known) {
				t.Fatalf("%d bytes, %d and %d entries", c.bytes, c.recent.Len(), len(c.known))
			}
		}
		if n := c.Remembered(); n != 20 {
			t.Errorf("%d are remembered", n)
		}
		for i, one := range sealed {
			u := useBy("ann")
			u.Key = fmt.Sprint("k", i)
			open(t, c, u, one, "payload")
		}
		time.Sleep(300 * time.Second)
		synctest.Wait()
		if c.bytes != 0 || c.Remembered() != 0 {
			t.Errorf("%d bytes are left, %d entries", c.bytes, c.Remembered())
		}
	})
}

// TestChangedPayloadsDoNotOpen: not one byte of them counts for another.
func TestChangedPayloadsDoNotOpen(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Cache) {
		u := useBy("ann")
		sealed := seal(t, c, u, "payload")
		for i := range sealed {
			changed := slices.Clone(sealed)
			changed[i] ^= 1
			if !refuses(c, u, changed) || !refuses(c, u, sealed[:i]) {
				t.Errorf("changed or cut at byte %d it opened", i)
			}
		}
		if !refuses(c, u, append(slices.Clone(sealed), 0)) || !refuses(c, u, nil) {
			t.Error("with a byte too many it opened")
		}
		// The data key of another payload does not open this one.
		time.Sleep(u.Reuse)
		other := seal(t, c, u, "payload")
		head := len(other) - (12 + len("payload") + 16)
		if !refuses(c, u, append(slices.Clone(other[:head]), sealed[head:]...)) {
			t.Error("it opened under another data key")
		}
		time.Sleep(2 * u.Reuse)
	})
}

// TestAServiceThatFailsIsNoRefusal: its error comes to who asked, as it is, and a panic is
// an error too.
func TestAServiceThatFailsIsNoRefusal(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Cache) {
		s.refusal = errors.New("it is on fire")
		if _, err := c.Seal(t.Context(), useBy("ann"), nil); !errors.Is(err, s.refusal) {
			t.Errorf("%v", err)
		}
		c.Keys = nil // asking it panics
		if _, err := c.Seal(t.Context(), useBy("ann"), nil); err == nil || !strings.Contains(err.Error(), "panic") {
			t.Errorf("%v", err)
		}
		c.Keys = short{s}
		if _, err := c.Seal(t.Context(), useBy("ann"), nil); err == nil || !strings.Contains(err.Error(), "32 bytes") {
			t.Errorf("%v", err)
		}
		for _, size := range []int{0, blobMax + 1} { // which could not be told from others, or would be too much
			c.Keys = wrapping{s, size}
			if _, err := c.Seal(t.Context(), useBy("ann"), nil); err == nil || !strings.Contains(err.Error(), "want 1 to") {
				t.Errorf("kept as %d bytes: %v", size, err)
			}
		}
	})
}

// wrapping gives data keys that are kept as so many bytes.
type wrapping struct {
	*service
	size int
}

func (w wrapping) GenerateDataKey(context.Context, Request) (DataKey, error) {
	return DataKey{Plaintext: make([]byte, 32), Blob: make([]byte, w.size)}, nil
}

// short gives data keys that are too short.
type short struct{ *service }

func (short) GenerateDataKey(context.Context, Request) (DataKey, error) {
	return DataKey{Plaintext: make([]byte, 16)}, nil
}
