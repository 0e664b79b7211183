// Package wiretest holds answers of Amazon SWF against its model. Only tests import it.
package wiretest

import (
	"net/http"

	"heddle/internal/aws/shape/shapetest"
)

// EmptyPolls are what polls without a task answer: what is known of none are the numbers
// that a task has always, and they are 0.
var EmptyPolls = map[string]string{
	"PollForActivityTask": `{"startedEventId":0}`,
	"PollForDecisionTask": `{"previousStartedEventId":0,"startedEventId":0}`,
}

// Answers tells what is wrong with answers.
type Answers struct{ model *shapetest.Model }

// Read reads the model.
func Read(file string) Answers {
	m, err := shapetest.Read(file)
	if err != nil {
		panic(err)
	}
	m.Empty = EmptyPolls
	return Answers{m}
}

// Flaw tells what of an answer is not as the model says.
func (a Answers) Flaw(action string, status int, body []byte) error {
	if status == http.StatusOK {
		return a.model.Success(action, body)
	}
	return a.model.Fault(action, body)
}
