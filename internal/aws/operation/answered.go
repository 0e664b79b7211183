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
	AccessKey string  // that the request names, verified or not
	At        time.Time
	// Input is what was decoded and, unless there is a fault, done; nil: the call was
	// refused before.
	Input   any
	Touched Resource
	Answer  *Answer      // as the operation encoded it; nil: it was refused
	Fault   *fault.Fault // nil: it succeeded
	Kept    bool         // Config.Keep took room for it
}

// answered is a call's answer for those who keep account.
func (c *Call) answered(in any, answer *Answer, f *fault.Fault) *Answered {
	a := &Answered{
		Request: c.Request, RequestID: c.RequestID, Operation: c.Operation, Caller: &c.caller,
		AccessKey: AccessKeyOf(c.Request), At: c.at, Input: in, Answer: answer, Fault: f, Kept: c.kept,
	}
	if c.subject != nil {
		a.Touched = c.subject.Resource(c)
	}
	return a
}
