package awsquery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"

	"heddle/internal/aws/awsjson"
)

// BodyMax is how many bytes the parameters of a call have at most: a policy of
// the largest size, with every character escaped, and room besides.
const BodyMax = 256 << 10

// Action does what a call asks, and writes its result.
type Action func(ctx context.Context, p Params, x *XML) error

// API is a version of a service's API.
type API struct {
	Service   string // as in actions of policies: iam
	Version   string
	Namespace string // of the XML
	Actions   map[string]Action
}

// Config is what a Handler is given.
type Config struct {
	// Authenticate tells who calls: the actions find it in the context.
	Authenticate func(r *http.Request, body []byte) (context.Context, error)
	APIs         []API // told apart by their versions
	Log          *slog.Logger
	Random       func() [16]byte
	// Observe hears of every call that named an action which exists; may be nil.
	Observe func(ctx context.Context, r *http.Request, o Outcome)
}

// Outcome is what became of a call.
type Outcome struct {
	API       *API
	Action    string
	Params    Params
	RequestID string
	Result    []byte // elements of the answer
	Fault     *Fault // nil: done
}

// Handler serves calls.
type Handler struct {
	Config
	apis map[string]*API
}

// New is a Handler.
func New(c Config) *Handler {
	h := &Handler{Config: c, apis: map[string]*API{}}
	for i := range c.APIs {
		api := &c.APIs[i]
		if h.apis[api.Version] != nil {
			panic(fmt.Sprintf("awsquery: two APIs of version %q", api.Version))
		}
		h.apis[api.Version] = api
	}
	return h
}

// ServeHTTP answers one call.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := awsjson.RequestID(h.Random())
	body, err := read(w, r)
	if err != nil {
		w.Header()["Connection"] = []string{"close"} // what is left is not worth reading
		h.refuse(r.Context(), w, nil, id, err)
		return
	}
	p, err := parse(r, body)
	if err != nil {
		h.refuse(r.Context(), w, nil, id, err)
		return
	}
	name, version := p.Get("Action"), p.Get("Version")
	api := h.apis[version]
	if api == nil || api.Actions[name] == nil {
		h.refuse(r.Context(), w, api, id, unknownAction(name, version))
		return
	}
	o := Outcome{API: api, Action: name, Params: p, RequestID: id}
	ctx := r.Context()
	var x XML
	known, err := h.Authenticate(r, body)
	if err == nil {
		ctx = known
		err = act(ctx, api, name, p, &x)
	}
	if err != nil {
		o.Fault = h.refuse(ctx, w, api, id, err)
	} else {
		o.Result = x.b.Bytes()
		_ = write(w, id, http.StatusOK, answer(api, name, id, &x)) // whoever has gone needs no answer
	}
	if h.Observe != nil {
		h.Observe(ctx, r, o)
	}
}

func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, BodyMax))
	if err == nil {
		return body, nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &Fault{Code: "RequestEntityTooLarge", Status: http.StatusRequestEntityTooLarge, Message: "The request is too large"}
	}
	return nil, &Fault{Code: "RequestTimeout", Message: "The body could not be read"}
}

func unknownAction(name, version string) *Fault {
	if name == "" {
		return &Fault{Code: "MissingAction", Message: "The request is missing an action"}
	}
	const most = 128 // of what is sent back
	return &Fault{Code: "InvalidAction", Message: fmt.Sprintf("Could not find operation %.*s for version %.*s", most, name, most, version)}
}

// act does what is asked. A panic becomes an error.
func act(ctx context.Context, api *API, name string, p Params, x *XML) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return api.Actions[name](ctx, p, x)
}

func answer(api *API, name, requestID string, result *XML) []byte {
	var x XML
	x.b.WriteString("<" + name + `Response xmlns="` + api.Namespace + `">`)
	if result.b.Len() > 0 || result.empty {
		x.Element(name+"Result", func() { x.b.Write(result.b.Bytes()) })
	}
	x.Element("ResponseMetadata", func() { x.Text("RequestId", requestID) })
	x.b.WriteString("</" + name + "Response>\n")
	return x.b.Bytes()
}

func write(w http.ResponseWriter, requestID string, status int, body []byte) error {
	h := w.Header()
	h["Content-Type"] = []string{"text/xml"}
	h["x-amzn-RequestId"] = []string{requestID}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// Fault is an error that the caller is told about, word for word.
type Fault struct {
	Code    string
	Status  int // zero: 400
	Message string
}

func (f *Fault) Error() string { return f.Code + ": " + f.Message }

// faultNamespace is that of faults for calls of no API.
const faultNamespace = "http://webservices.amazon.com/AWSFault/2005-15-09"

// refuse answers with the fault that err is, or with an internal failure.
func (h *Handler) refuse(ctx context.Context, w http.ResponseWriter, api *API, requestID string, err error) *Fault {
	fault, ok := errors.AsType[*Fault](err)
	if !ok {
		fault = &Fault{Code: "InternalFailure", Status: http.StatusInternalServerError, Message: "The request processing has failed because of an internal error."}
		if ctx.Err() == nil { // of one who has gone, his context's error is no news
			h.Log.ErrorContext(ctx, "request failed", "request", requestID, "cause", err)
		}
	}
	namespace, status, blame := faultNamespace, fault.Status, "Sender"
	if api != nil {
		namespace = api.Namespace
	}
	if status == 0 {
		status = http.StatusBadRequest
	}
	if status >= http.StatusInternalServerError {
		blame = "Receiver"
	}
	var x XML
	x.b.WriteString(`<ErrorResponse xmlns="` + namespace + `">`)
	x.Element("Error", func() {
		x.Text("Type", blame)
		x.Text("Code", fault.Code)
		x.Text("Message", fault.Message)
	})
	x.Text("RequestId", requestID)
	x.b.WriteString("</ErrorResponse>\n")
	_ = write(w, requestID, status, x.b.Bytes())
	return fault
}
