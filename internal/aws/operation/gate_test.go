package operation_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heddle/internal/aws/fault"
	. "heddle/internal/aws/operation"
)

// turnstile is a Gate that counts who is in.
type turnstile struct {
	turns   []string // how they began and ended
	shut    bool
	most    int // bytes of an answer
	in      int
	entered int
}

func (g *turnstile) Enter(context.Context) bool {
	if !g.shut {
		g.in++
		g.entered++
	}
	return !g.shut
}

func (g *turnstile) Leave(context.Context) { g.in-- }

func (g *turnstile) Turn(context.Context) (end func()) {
	g.turns = append(g.turns, "begins")
	return func() { g.turns = append(g.turns, "ends") }
}

func (g *turnstile) Answer(_ context.Context, n int) bool {
	g.turns = append(g.turns, "room")
	return n <= g.most
}

const throttledFault = `{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}`

// TestGate: only calls of verified senders take a place, and all give it back.
func TestGate(t *testing.T) {
	for _, c := range []struct {
		name, action, body string
		refuse             error
		shut               bool
		most               int
		entered            int
		status             int
		delivered          bool // it is told whether the answer arrived
		changes            bool
	}{
		{name: "served", action: "Buy", body: `{"domain":"d"}`, most: 99, entered: 1, status: 200},
		{name: "a fault", action: "Buy", body: `{"domain":"d","do":"fault"}`, most: 99, entered: 1, status: 400},
		{name: "a panic", action: "Buy", body: `{"domain":"d","do":"panic"}`, most: 99, entered: 1, status: 500},
		{name: "not valid", action: "Buy", body: `{}`, most: 99, entered: 1, status: 400},
		{name: "no action", action: "Steal", body: `{}`, most: 99, status: 400},
		{name: "a stranger", action: "Buy", body: `{"domain":"d"}`, refuse: fault.Of(fault.UnknownKey, ""), most: 99, status: 400},
		{name: "too large", action: "Buy", body: strings.Repeat(" ", BodyMax+1), most: 99, status: 413},
		{name: "no place", action: "Buy", body: `{"domain":"d","do":"panic"}`, shut: true, status: 400},
		{name: "no room for the answer", action: "Buy", body: `{"domain":"d","text":"long"}`, most: 5, entered: 1, status: 400},
		{name: "no room for the answer of what was done", action: "BuyBig", body: `{"domain":"d","text":"long"}`, most: 5, entered: 1, status: 200, changes: true},
		{name: "no room for a task", action: "Wait", body: `{"domain":"d","text":"long"}`, most: 5, entered: 1, status: 400, delivered: true},
	} {
		shop, gate := newShop(), &turnstile{shut: c.shut, most: c.most}
		shop.Gate = gate
		var told *Answered
		shop.Keep = func(*Caller, Resource) error { return nil }
		shop.Audit = func(a *Answered) error { told = a; return nil }
		if c.refuse != nil {
			shop.Authenticator = refusing{c.refuse}
		}
		w := call(shop, c.action, c.body)
		if w.Code != c.status || gate.in != 0 || gate.entered != c.entered {
			t.Errorf("%s: %d %s, %d entered, %d are in", c.name, w.Code, w.Body, gate.entered, gate.in)
		}
		if (c.shut || c.most < 99) && !c.changes && w.Body.String() != throttledFault {
			t.Errorf("%s: %s", c.name, w.Body)
		}
		if c.changes && (told.Fault != nil || !told.Kept) {
			t.Errorf("%s: on record there is %+v", c.name, told.Fault)
		}
		select {
		case err := <-shop.delivered:
			if f, ok := errors.AsType[*fault.Fault](err); !c.delivered || !ok || f.Kind != fault.Throttling {
				t.Errorf("%s: delivered, %v", c.name, err)
			}
		default:
			if c.delivered {
				t.Errorf("%s: nobody was told that the task did not arrive", c.name)
			}
		}
	}
}

// untouched is a body that must not be read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.EOF
}

// TestStrangersBodiesStay: what the head alone refuses is answered without a look at the
// body, in every protocol, and the connection is of no more use.
func TestStrangersBodiesStay(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Unsigned, fault.IncompleteSignature, fault.UnknownKey, fault.BadSignature, fault.AccessDenied} {
		for protocol, head := range map[string]http.Header{
			"JSON":   {"X-Amz-Target": {"ShopService.Buy"}},
			"query":  {"Content-Type": {"application/x-www-form-urlencoded"}},
			"stream": {"X-Amz-Target": {"Stream.Take"}},
		} {
			for _, length := range []int64{1, 64 << 10, -1} {
				shop := newTaker(1 << 20)
				shop.Authenticator = refusing{fault.Of(kind, "no")}
				r := httptest.NewRequest("POST", "/", untouched{t})
				r.Header, r.ContentLength = head, length
				w := httptest.NewRecorder()
				shop.ServeHTTP(w, r)
				if w.Code < 400 || w.Code >= 500 || w.Header().Get("Connection") != "close" {
					t.Errorf("%s, %s, %d bytes: %d %v %s", protocol, kind, length, w.Code, w.Header(), w.Body)
				}
			}
		}
	}
}

// TestWhoStopsABodySaysWhy: a body that had to give way to others is no broken one.
func TestWhoStopsABodySaysWhy(t *testing.T) {
	r := request("Buy", io.MultiReader(bytes.NewReader([]byte(`{"do`)), stopped{}))
	r.ContentLength = 100
	w := httptest.NewRecorder()
	newShop().ServeHTTP(w, r)
	if w.Body.String() != throttledFault || w.Header().Get("Connection") != "close" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

type stopped struct{}

func (stopped) Read([]byte) (int, error) { return 0, fault.Throttled() }

// TestTurns: a call that may have a large answer has one turn, until the answer has its room or
// is refused, whatever becomes of it.
func TestTurns(t *testing.T) {
	for do, want := range map[string]string{
		"": "room", "page": "begins room ends", "page and panic": "begins ends",
	} {
		for _, most := range []int{5, 99} {
			shop, gate := newShop(), &turnstile{most: most}
			shop.Gate = gate
			call(shop, "Buy", `{"domain":"d","text":"long","do":"`+do+`"}`)
			if got := strings.Join(gate.turns, " "); got != want {
				t.Errorf("%q, room for %d bytes: %s, want %s", do, most, got, want)
			}
		}
	}
	Turn(t.Context()) // no handler's: it waits for nobody
}
