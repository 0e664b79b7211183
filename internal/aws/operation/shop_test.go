package operation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/fault"
	. "heddle/internal/aws/operation"
	"heddle/internal/aws/policy"

	"github.com/go-faster/jx"
)

// shop is a service whose behaviour the request asks for.
type shop struct {
	entered   chan struct{} // closed by wait when it has begun
	delivered chan error
}

type order struct {
	Domain string
	Do     string
	Text   string
}

func (o *order) Decode(d *jx.Decoder) error {
	*o = order{}
	return d.Obj(func(d *jx.Decoder, key string) (err error) {
		switch key {
		case "domain":
			o.Domain, err = d.Str()
		case "do":
			o.Do, err = d.Str()
		case "text":
			o.Text, err = d.Str()
		default:
			err = d.Skip()
		}
		return err
	})
}

func (o *order) DecodeQuery(p awsquery.Params) error {
	*o = order{p.Get("Domain"), p.Get("Do"), p.Get("Text")}
	return nil
}

func (o *order) Validate() error {
	if o.Domain == "" {
		return errors.New("1 validation error detected: Value null at 'domain' failed to satisfy constraint: Member must not be null")
	}
	return nil
}

type receipt struct{ text string }

func (r *receipt) AppendJSON(b []byte) []byte {
	return append(strconv.AppendQuote(append(b, `{"text":`...), r.text), '}')
}

func (r *receipt) AppendXML(x *awsquery.XML) { x.Text("Text", r.text) }

// parcel is an output whose delivery matters.
type parcel struct {
	receipt
	shop *shop
}

func (p *parcel) AppendJSON(b []byte) []byte {
	if p.text == "burst" {
		panic("the parcel burst")
	}
	return p.receipt.AppendJSON(b)
}

func (p *parcel) Delivered(err error) { p.shop.delivered <- err }

const (
	codeSoldOut = "example.shop#SoldOutFault"
	codeClosed  = "example.shop#ClosedToYouFault"
	codeStrange = "example.shop#StrangeFault"
)

func (s *shop) buy(ctx context.Context, o *order) (*receipt, error) {
	switch o.Do {
	case "fault":
		return nil, fmt.Errorf("buy: %w", &fault.Fault{
			Code: codeSoldOut, Message: `none of "` + o.Text + `" <left>`, Header: http.Header{"X-Shop-Next": {"monday"}},
		})
	case "undeclared":
		return nil, &fault.Fault{Code: codeStrange}
	case "throttle":
		return nil, fault.Throttled()
	case "deny":
		return nil, Denied(ctx, "not for you")
	case "error":
		return nil, errors.New("the till is stuck")
	case "panic":
		panic("the shop burns")
	case "page", "page and panic":
		Turn(ctx)
		Turn(ctx)
		if o.Do != "page" {
			panic("the shop burns")
		}
	case "nothing":
		return nil, nil
	case "who":
		c := CallerOf(ctx)
		return &receipt{c.Account + " " + c.Region + " " + c.AccessKey}, nil
	}
	return &receipt{o.Text}, nil
}

func (s *shop) cancel(ctx context.Context, o *order) error {
	if o.Do == "error" {
		return errors.New("the till is stuck")
	}
	return nil
}

// wait answers at once, or when the caller has gone.
func (s *shop) wait(ctx context.Context, o *order) (*parcel, error) {
	switch o.Do {
	case "until gone":
		close(s.entered)
		<-ctx.Done()
	case "error":
		return nil, errors.New("lost")
	}
	return &parcel{receipt{o.Text}, s}, nil
}

// asking is what an order is about.
type asking struct {
	action string
	*order
}

func asks(name string) func(context.Context, *order) (Subject, error) {
	return func(_ context.Context, o *order) (Subject, error) { return asking{"shop:" + name, o}, nil }
}

func (a asking) Resource(context.Context) Resource { return Resource{Kind: "domain", Name: a.Domain} }

func (a asking) Questions(ctx context.Context) ([]policy.Request, error) {
	if a.Do == "ask in vain" {
		return nil, errors.New("nobody knows")
	}
	c := CallerOf(ctx)
	ask := func(action string) policy.Request {
		return policy.Request{Principal: c.Principal, Action: action, Resource: "arn:aws:shop:us-east-1:123456789012:domain/" + a.Domain, Context: c.Context()}
	}
	return []policy.Request{ask(a.action), ask("shop:Enter")}, nil
}

// api is the shop as its callers see it, by both protocols.
func (s *shop) api() *API {
	return &API{
		Service: "shop", SigningNames: []string{"shop"},
		Changes: func(action string) bool { return action == "BuyBig" },
		Model: Model{
			TargetPrefix: "ShopService", JSONVersion: "1.0", Version: "2020-02-02", Namespace: "https://shop/",
			NotPermitted: codeClosed,
			Faults: map[string][]string{
				"Buy": {codeSoldOut, codeClosed}, "BuyBig": nil, "Wait": nil, "Cancel": nil,
				"AskFor": {codeSoldOut}, "Forget": {codeClosed},
			},
		},
		Operations: []Operation{
			awsjson.Operation("Buy", s.buy, asks("Buy")),
			awsjson.Operation("BuyBig", s.buy, asks("BuyBig"), WithBodyMax(1<<20)),
			awsjson.Operation("Wait", s.wait, asks("Wait"), Waits),
			awsjson.WithoutOutput("Cancel", s.cancel, asks("Cancel")),
			awsquery.Operation("AskFor", s.buy, asks("AskFor")),
			awsquery.WithoutOutput("Forget", s.cancel, asks("Forget")),
		},
	}
}

type openShop struct {
	*shop
	*Handler
	log bytes.Buffer
}

func newShop() *openShop {
	o := &openShop{shop: &shop{entered: make(chan struct{}), delivered: make(chan error, 1)}}
	o.Handler = New(Config{
		Authenticator: Anyone{Account: "123456789012", Region: "us-east-1"},
		Log:           slog.New(slog.NewJSONHandler(&o.log, nil)),
		Random:        func() [16]byte { return [16]byte{1, 2, 3, 4, 5, 6, 0xff, 8, 0xff, 10, 11, 12, 13, 14, 15, 16} },
		Now:           time.Now,
	}, protocols()...)
	o.Mount(o.api())
	return o
}

func protocols() []Protocol { return []Protocol{awsjson.New(), awsquery.New()} }

// logged is the single line of the log.
func (o *openShop) logged() map[string]any {
	if o.log.Len() == 0 {
		return nil
	}
	line := map[string]any{}
	if err := json.Unmarshal(o.log.Bytes(), &line); err != nil {
		panic(err)
	}
	return line
}
