package operation

import (
	"net/http"
	"strings"
	"time"

	"heddle/internal/aws/awsjson"
)

// Auditor keeps a record of calls. Of calls to operations that do not exist it
// hears nothing.
type Auditor interface {
	// Asked hears of a request whose sender is known, before it is decoded. It
	// tells the time and what may be recorded of the body, which it does not keep.
	Asked(action string, body []byte) (at time.Time, parameters []byte)
	// Answered hears of a call before its answer is written. It keeps nothing of
	// what it is given.
	Answered(*Answered)
}

// Answered is a call that has its answer.
type Answered struct {
	Request    *http.Request
	RequestID  string
	Service    string // the prefix of its target
	Action     string
	Caller     Caller // zero: not known
	AccessKey  string // that the request names, verified or not
	At         time.Time
	Parameters []byte
	Touched    Resource
	Answer     []byte
	Fault      *awsjson.Fault // nil: it succeeded
}

// AccessKeyOf is the access key that a request names, whether it is its sender's
// or not; empty: none.
func AccessKeyOf(r *http.Request) string {
	named, _ := credential(r)
	key, _, _ := strings.Cut(named, "/")
	return key
}

// asked tells the auditor of a request.
func (h *Handler) asked(ctx *call, op *mounted, body []byte) {
	if h.Auditor != nil {
		ctx.at, ctx.parameters = h.Auditor.Asked(op.operation, body)
	}
}

// answered tells the auditor of an answer.
func (h *Handler) answered(r *http.Request, ctx *call, op *mounted, in any, answer []byte, fault *awsjson.Fault) {
	if h.Auditor == nil || op == nil {
		return
	}
	a := Answered{
		Request: r, RequestID: ctx.id, Service: op.service, Action: op.operation,
		Caller: ctx.caller, AccessKey: AccessKeyOf(r), At: ctx.at, Parameters: ctx.parameters,
		Answer: answer, Fault: fault,
	}
	if in != nil {
		a.Touched = op.ask(in).Touches(ctx)
	}
	h.Auditor.Answered(&a)
}
