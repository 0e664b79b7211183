package operation

import (
	"net/http"
	"time"

	"heddle/internal/aws/fault"
)

// Answered is a call that has its answer. Of calls that name no operation nobody
// hears.
type Answered struct {
	Request   *http.Request
	RequestID string
	Operation *Mounted
	Caller    *Caller // its Account is empty: it is not known
	AccessKey string  // the caller's; of one who is not known, what the request claims
	At        time.Time
	// Input is what was decoded and, unless there is a fault, done; nil: the call was
	// refused before. Output is what was answered; nil: nothing, or a fault.
	Input, Output any
	Touched       Resource
	Answer        *Answer      // as the operation encoded it; nil: it was refused
	Fault         *fault.Fault // nil: it succeeded
	Kept          bool         // Config.Keep took room for it
}

// answered is a call's answer for those who keep account.
func (c *Call) answered(in, out any, answer *Answer, f *fault.Fault) *Answered {
	a := &Answered{
		Request: c.Request, RequestID: c.RequestID, Operation: c.Operation, Caller: &c.caller,
		AccessKey: c.caller.AccessKey, At: c.at, Input: in, Output: out, Answer: answer, Fault: f, Kept: c.kept,
	}
	if c.caller.Account == "" {
		a.AccessKey = claimed(c.Request)
	}
	if c.subject != nil {
		a.Touched = c.subject.Resource(c)
	} else if c.Invalid != nil {
		a.Touched.Run = c.invalidAbout()
	}
	return a
}

// invalidAbout is the run that an invalid input is about: people look for why an execution
// does not move among what was refused. Values that validation has refused may be too wrong
// for it; then nobody knows.
func (c *Call) invalidAbout() (run [16]byte) {
	defer func() { _ = recover() }()
	subject, err := c.Operation.Subject(c, c.Invalid)
	if err == nil {
		run = subject.Resource(c).Run
	}
	return run
}
