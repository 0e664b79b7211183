package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"heddle/bench/client"
)

var credentials = client.Credentials{AccessKey: "AKIDCRASH", SecretKey: "crash", Region: "us-east-1"}

// caller is a client that asks until it is answered.
type caller struct {
	victim *victim
	ledger *ledger
	conn   *client.Conn
	fickle bool
	lost   int // attempts of the last call whose outcome is not known
}

// call asks for an action. The body may differ from attempt to attempt. An error
// is a fault, or says that ctx ended.
func (c *caller) call(ctx context.Context, action string, body func() string) ([]byte, error) {
	for c.lost = 0; ; c.lost++ {
		if err := c.victim.wait(ctx); err != nil {
			return nil, err
		}
		answer, err := c.conn.Call(action, []byte(body()))
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		fault, answered := errors.AsType[*client.Fault](err)
		if answered && fault.Status < 500 {
			return nil, fmt.Errorf("%s: %w", action, fault)
		}
	}
}

// step asks for an action that changes an execution. Each attempt has its own
// mark, and the ledger knows which one was acknowledged.
func (c *caller) step(ctx context.Context, action, workflowID string, body func(mark string) string) ([]byte, error) {
	mark := ""
	answer, err := c.call(ctx, action, func() string {
		mark = c.ledger.attempt(action, workflowID)
		return body(mark)
	})
	if err != nil {
		return nil, err
	}
	c.ledger.acknowledge(mark)
	c.victim.acknowledge()
	return answer, nil
}

// read asks for something that changes nothing.
func (c *caller) read(ctx context.Context, action, body string) ([]byte, error) {
	return c.call(ctx, action, func() string { return body })
}

// poll asks for a task. A fickle caller hangs up on some polls, at any moment;
// if he was given a task but did not read it, it must go to somebody else.
func (c *caller) poll(ctx context.Context, action, list string) ([]byte, error) {
	if c.fickle && rand.IntN(4) > 0 {
		hangUp := time.AfterFunc(time.Duration(rand.IntN(4000))*time.Microsecond, c.conn.HangUp)
		defer hangUp.Stop()
	}
	return c.read(ctx, action, fmt.Sprintf(`{"domain":"crash","taskList":{"name":%q}}`, list))
}

const unknownResource = "UnknownResourceFault"

// respond answers a task. The task may have been closed by an attempt that was
// lost, or by somebody else to whom it was delivered too; by nothing else.
func (c *caller) respond(ctx context.Context, action, workflowID, task string, body func(mark string) string) error {
	_, err := c.step(ctx, action, workflowID, body)
	if !client.IsFault(err, unknownResource) {
		return err
	}
	if c.lost == 0 && c.ledger.deliveries(task) < 2 {
		return fmt.Errorf("task %s was delivered once and refused at the first answer: %w", task, err)
	}
	return nil
}
