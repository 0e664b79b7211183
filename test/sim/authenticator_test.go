package sim

import (
	"net/http"

	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
)

// authenticator lets everybody in. In a limited world some decisions are not permitted.
type authenticator struct {
	operation.Anyone
	limited bool
}

// Recognise implements operation.Authenticator.
func (a authenticator) Recognise(r *http.Request, _ []string) (operation.Sender, error) {
	c, err := a.Caller(r)
	if a.limited {
		c.Principal = policy.Principal{ARN: "arn:aws:iam::" + c.Account + ":user/simulated", Account: c.Account}
		c.Policies = &limits
	}
	return operation.Believe(c), err
}

// limits deny what no execution of the simulation waits for.
var limits = policy.PolicySets{Identity: []policy.Attached{{Source: "limits", Policy: parsed(`{
	"Version": "2012-10-17",
	"Statement": [
		{"Effect": "Allow", "Action": "*", "Resource": "*"},
		{"Effect": "Deny", "Action": ["swf:RecordMarker", "swf:CancelTimer", "swf:SignalExternalWorkflowExecution"], "Resource": "*"}
	]}`)}}}

func parsed(document string) *policy.Policy {
	p, err := policy.Parse([]byte(document))
	if err != nil {
		panic(err)
	}
	return p
}
