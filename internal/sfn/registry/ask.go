package registry

import (
	"fmt"

	"heddle/internal/engine"
	"heddle/internal/pack"
)

// ask is what executions want to know before they schedule a task of an activity: whether
// it is there. Who asks says what is to be answered in either case, so that this package
// knows nothing of it.
type ask struct {
	from    engine.Identity
	yes, no []byte // messages
}

// Ask asks the activity of a name whether it is there. The answer comes as one of two
// messages to the run that asks; yes has the activity's Encryption behind it.
func Ask(world engine.World, activity string, from engine.Identity, yes, no []byte) engine.Message {
	c := pack.Writing([]byte{messageAsk})
	a := ask{from, yes, no}
	a.code(c)
	return engine.Message{To: engine.Name{World: world, Kind: KindActivity, Key: activity}, Body: c.Written()}
}

func (a *ask) code(c *pack.Coder) {
	c.Text(&a.from.Name.World.Account)
	c.Text(&a.from.Name.World.Region)
	c.Text((*string)(&a.from.Name.Kind))
	c.Text(&a.from.Name.Key)
	a.from.Run.Code(c)
	c.Bytes(&a.yes)
	c.Bytes(&a.no)
}

func (a *ask) answer(body []byte) engine.Message {
	return engine.Message{To: a.from.Name, Run: a.from.Run, Body: body}
}

// DecodeMessage implements engine.MessagedRules.
func (*Activities) DecodeMessage(body []byte) (any, error) {
	c := pack.Reading(body)
	var what byte
	if c.Byte(&what); what != messageAsk {
		return nil, fmt.Errorf("registry: decode message to an activity: unknown mark %d", what)
	}
	a := &ask{}
	a.code(c)
	return a, c.Done()
}

// Refused implements engine.MessagedRules: an activity that is not there says no.
func (*Activities) Refused(_ engine.Name, body any, _ error) []engine.Message {
	a := body.(*ask)
	return []engine.Message{a.answer(a.no)}
}
