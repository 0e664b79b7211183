package execution

import (
	"strconv"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/aws/shape"
	"heddle/internal/engine"
)

// What EventBridge is told of an execution: each status that it comes to have. The detail is
// what DescribeExecution answers; times are milliseconds, what is absent is null. Input and
// output are left out where they are too large, and with all words of users where they are
// sealed: who may open them is not known of those who are told.
//
// Source: Step Functions Developer Guide, "Automating Step Functions event delivery with
// EventBridge".
const (
	statusChange       = "Step Functions Execution Status Change"
	statusChangeSource = "aws.states"
	// toldBytesMax is how much input and output may take, as JSON texts.
	toldBytesMax = 248 << 10
)

// notify tells of an event that the state has just taken in. Of executions of express state
// machines nothing is told.
func (t *turn) notify(id int64, at engine.Time, kind Type) {
	if !t.in.Notify.Any(engine.NotifyPublic) || t.trial != nil || t.s.express {
		return
	}
	switch kind {
	case ExecutionStarted, ExecutionSucceeded, ExecutionFailed, ExecutionTimedOut, ExecutionAborted, ExecutionRedriven:
	default:
		return
	}
	s := t.s
	w := s.id.Name.World
	told := eventbridge.Event{
		ID: eventbridge.ID(s.id.Run, id), Type: statusChange, Source: statusChangeSource,
		Account: w.Account, At: int64(at), Region: w.Region, Resource: s.arn(),
	}
	body := told.Append(nil, t.appendDetail)
	t.notifications = append(t.notifications, engine.Notification{Event: id, Body: body})
	t.bytes += len(body) + partBytes
}

func (t *turn) appendDetail(b []byte) []byte {
	s := t.s
	var input, output, err, cause []byte // as JSON; nil: it is not told
	if sealed := s.settings.Key.Key != ""; !sealed {
		input = shape.AppendString(nil, s.input.Text())
		if s.status == Succeeded {
			output = shape.AppendString(nil, s.output.Text())
		}
		if len(input)+len(output) > toldBytesMax {
			input = nil
		}
		if len(output) > toldBytesMax {
			output = nil
		}
		if s.err != nil {
			err = shape.AppendString(nil, s.err.Text())
		}
		if s.cause != nil {
			cause = shape.AppendString(nil, s.cause.Text())
		}
	}
	text := func(b []byte, s string) []byte {
		if s == "" {
			return append(b, "null"...)
		}
		return shape.AppendString(b, s)
	}
	json := func(b, text []byte) []byte {
		if text == nil {
			return append(b, "null"...)
		}
		return append(b, text...)
	}
	moment := func(b []byte, at engine.Time) []byte {
		if at == 0 {
			return append(b, "null"...)
		}
		return strconv.AppendInt(b, int64(at), 10)
	}
	stopped := s.closed
	if s.isOpen() {
		stopped = 0
	}
	b = append(b, `{"executionArn":`...)
	b = text(b, s.arn())
	b = append(b, `,"stateMachineArn":`...)
	b = text(b, s.of)
	b = append(b, `,"stateMachineVersionArn":`...)
	b = text(b, s.settings.Version)
	b = append(b, `,"stateMachineAliasArn":`...)
	b = text(b, s.settings.Alias)
	b = append(b, `,"name":`...)
	b = text(b, s.name)
	b = append(b, `,"status":`...)
	b = text(b, s.status)
	b = append(b, `,"startDate":`...)
	b = moment(b, s.started)
	b = append(b, `,"stopDate":`...)
	b = moment(b, stopped)
	b = append(b, `,"input":`...)
	b = json(b, input)
	b = append(b, `,"inputDetails":{"included":`...)
	b = strconv.AppendBool(b, input != nil)
	b = append(b, `},"output":`...)
	b = json(b, output)
	b = append(b, `,"outputDetails":`...)
	if s.status == Succeeded {
		b = append(b, `{"included":`...)
		b = append(strconv.AppendBool(b, output != nil), '}')
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"error":`...)
	b = json(b, err)
	b = append(b, `,"cause":`...)
	b = json(b, cause)
	b = append(b, `,"redriveCount":`...)
	b = strconv.AppendInt(b, s.redrives, 10)
	b = append(b, `,"redriveDate":`...)
	b = moment(b, s.redriven)
	why := s.notRedrivable(&t.rules.limits)
	status := "REDRIVABLE"
	if why != "" {
		status = "NOT_REDRIVABLE"
	}
	b = append(b, `,"redriveStatus":`...)
	b = text(b, status)
	b = append(b, `,"redriveStatusReason":`...)
	return append(text(b, why), '}')
}
