package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/aws/restjson"
	"heddle/internal/aws/throttle"
	"heddle/internal/engine"
	"heddle/internal/lifecycle"
	"heddle/internal/matching"
	"heddle/internal/service"

	"github.com/go-faster/jx"
)

// The toy is a whole service: cakes are ordered by JSON, recipes come by REST, cakes are
// shown by the query protocol. A cake is an execution; a performer bakes it.
type toyOptions struct {
	CakesMax int `name:"limit-cakes" env:"HEDDLE_LIMIT_CAKES" default:"3" min:"1" max:"9" help:"Cakes of an order."`
}

func toyService(heard func(*engine.TurnDone)) *service.Service {
	o := &toyOptions{}
	return &service.Service{
		Name: "toy", Options: o, TurnDone: heard,
		Rules: func() map[engine.Kind]engine.Rules { return map[engine.Kind]engine.Rules{"toy-cake": cakes{}} },
		Rates: throttle.Rates{"Order": {Bucket: 5, PerSecond: 1}},
		Audit: service.Audit{Members: service.Members{Shown: []string{"count", "key", "name"}}, DataEvent: func(action string) bool { return action == "PutRecipe" }},
		Open: func(k *service.Kernel) (*service.Opened, error) {
			t := &toy{k, o}
			return &service.Opened{
				Model: operation.Model{TargetPrefix: "Toy", JSONVersion: "1.1", Version: "2026-01-01", Namespace: "https://toy/"},
				Operations: []operation.Operation{
					awsjson.Operation("Order", t.order, asksToy[cake]("Order")),
					restjson.Operation("PutRecipe", "PUT", "/toys/{Name}/recipes/{Key+}", t.putRecipe, asksToy[recipe]("PutRecipe"), operation.Streams, operation.WithBodyMax(1<<30)),
					awsquery.Operation("GetCake", t.getCake, asksToy[cake]("GetCake")),
				},
				Parts: []service.Part{{Name: "ovens", Service: lifecycle.NewLoop(t.bake)}},
			}, nil
		},
	}
}

type cake struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
	Baked bool   `json:"baked"`
	Last  int64  `json:"last,omitempty"` // event; of the state alone
}

func (c *cake) Decode(d *jx.Decoder) error {
	raw, err := d.Raw()
	return errors.Join(err, json.Unmarshal(raw, c))
}

func (c *cake) DecodeQuery(p awsquery.Params) error {
	c.Name = p.Get("Name")
	return nil
}

func (c *cake) Validate() error {
	if c.Name == "" {
		return errors.New("1 validation error detected: Value null at 'name'")
	}
	return nil
}

func (c *cake) AppendJSON(b []byte) []byte {
	text, _ := json.Marshal(c)
	return append(b, text...)
}

func (c *cake) AppendXML(x *awsquery.XML) {
	x.Text("Name", c.Name)
	x.Text("Baked", strconv.FormatBool(c.Baked))
}

type recipe struct {
	Name, Key, Oven string
	Toppings        []string
	Text            io.Reader
	size            int64
}

func (r *recipe) DecodeREST(from *restjson.Request) error {
	*r = recipe{Name: from.Label("Name"), Key: from.Label("Key"), Toppings: from.Query["topping"], Oven: from.Header.Get("X-Toy-Oven"), Text: from.Stream}
	return nil
}

func (c *cake) String() string               { return c.Name }
func (r *recipe) String() string             { return r.Name }
func (*recipe) Validate() error              { return nil }
func (r *recipe) AppendJSON(b []byte) []byte { return fmt.Appendf(b, `{"name":%q}`, r.Name) }
func (r *recipe) EncodeREST(a *restjson.Answer) {
	a.Status, a.Header = 201, map[string][]string{"X-Toy-Oven": {r.Oven}}
	a.Body = fmt.Appendf(a.Body, `{"key":%q,"toppings":%q,"size":%d}`, r.Key, strings.Join(r.Toppings, "+"), r.size)
}

type toy struct {
	*service.Kernel
	options *toyOptions
}
type toySubject struct{ action, name string }

func (s toySubject) Resource(ctx context.Context) operation.Resource {
	return operation.Resource{Kind: "cake", Name: s.name, ARN: "arn:aws:toy:::cake/" + s.name, Type: "AWS::Toy::Cake"}
}

func (s toySubject) Questions(ctx context.Context) ([]policy.Request, error) {
	c := operation.CallerOf(ctx)
	return []policy.Request{{Principal: c.Principal, Action: "toy:" + s.action, Resource: s.Resource(ctx).ARN, Context: c.Context()}}, nil
}

func asksToy[In any](action string) func(context.Context, *In) (operation.Subject, error) {
	return func(_ context.Context, in *In) (operation.Subject, error) {
		return toySubject{action, any(in).(fmt.Stringer).String()}, nil
	}
}

func toyRun(ctx context.Context, name string) engine.Name {
	return engine.Name{World: engine.World{Account: operation.CallerOf(ctx).Account}, Kind: "toy-cake", Key: name}
}

func (t *toy) order(ctx context.Context, in *cake) (*cake, error) {
	in.Count = min(in.Count, int64(t.options.CakesMax))
	_, err := t.Runs.Do(ctx, engine.Command{Name: toyRun(ctx, in.Name), Begin: engine.IfAbsent, Seed: t.RootSeed(), Body: in.Count})
	return in, err
}

func (t *toy) putRecipe(_ context.Context, in *recipe) (_ *recipe, err error) {
	in.size, err = io.Copy(io.Discard, in.Text)
	return in, err
}

func (t *toy) getCake(ctx context.Context, in *cake) (*cake, error) {
	reply, err := t.Runs.Do(ctx, engine.Command{Name: toyRun(ctx, in.Name), Body: "look"})
	c, _ := reply.(*cake)
	return c, err
}

func (t *toy) bake(ctx context.Context) {
	for ctx.Err() == nil {
		claim, err := t.Performed.Poll(ctx, "ovens", matching.Poller{})
		if err != nil || claim == nil {
			continue
		}
		if _, err = t.Runs.Do(context.WithoutCancel(ctx), engine.Command{Run: claim.Run, Body: "baked"}); err == nil {
			claim.Accept()
		}
		claim.Return() // of one that was accepted it does nothing
	}
}

// Rules: the events of a cake are the number that was ordered, and "baked".
type cakes struct{}

func (cakes) New(id engine.Identity) engine.State { return &cake{Name: id.Name.Key} }

func (r cakes) Handle(s engine.State, body any, in engine.Input) (t engine.Turn, _ error) {
	c := s.(*cake)
	if body != "look" && (body != "baked" || !c.Baked) {
		t.Events = []engine.Event{{ID: c.Last + 1, At: in.Now, Public: fmt.Append(nil, body)}}
		r.Apply(s, t.Events[0])
	}
	t.Reply = &cake{c.Name, c.Count, c.Baked, 0}
	return t, nil
}

func (cakes) Apply(s engine.State, e engine.Event) {
	c := s.(*cake)
	n, err := strconv.ParseInt(string(e.Public), 10, 64)
	c.Last, c.Count, c.Baked = e.ID, c.Count+n, err != nil
}

func (cakes) Record(s engine.State, _ engine.Time) engine.Record {
	r, c := engine.Record{Status: engine.Open, Started: 1}, s.(*cake)
	if !c.Baked {
		r.Offers = []engine.Offer{{List: "ovens", ID: c.Last, At: 1}}
	}
	return r
}

func (cakes) DecodeEvent(id int64, at engine.Time, public, _ []byte) (engine.Event, error) {
	return engine.Event{ID: id, At: at, Public: public}, nil
}
func (cakes) EncodeState(s engine.State) []byte { return s.(*cake).AppendJSON(nil) }
func (cakes) DecodeState(_ engine.Identity, b []byte) (engine.State, error) {
	c := new(cake)
	return c, json.Unmarshal(b, c)
}
