package execution

import (
	"strconv"
	"strings"

	"heddle/internal/aws/eventbridge"
	"heddle/internal/aws/shape"
	"heddle/internal/engine"
	"heddle/internal/sfn/registry"
)

// What is logged of an execution, where its state machine wants that: a record for each event
// of its level, as CloudWatch Logs gets them. Numbers of the record itself are texts. Without
// execution data input, output, parameters and variables are left out; so they are, with error
// and cause, where they are sealed: who may open them is not known of those who read logs.
//
// A record is the detail of an event whose resource is the log group. Its id is that of the
// event's notification, and another than that of what EventBridge is told of it.
//
// Source: Step Functions Developer Guide, "Using CloudWatch Logs to log execution history",
// with the table of events by level.
const (
	logSource = "heddle.states"
	logID     = 1 << 40 // beyond all ids of events
	// logBytesMax is how large a record may be: of payloads that would be more as much is shown as
	// there is room for, the same for each.
	logBytesMax = 248 << 10
	logRoom     = 1024 // of most records
)

// Values of registry.Logging.Level.
const (
	logAll   = "ALL"
	logError = "ERROR"
	logFatal = "FATAL"
)

// logged tells whether events of a type are logged at a level.
func logged(level string, of Type) bool {
	switch level {
	case logAll:
		return true
	case logError:
		return of == entered("Fail") || strings.HasSuffix(string(of), "Failed") || strings.HasSuffix(string(of), "TimedOut") || strings.HasSuffix(string(of), "Aborted")
	case logFatal:
		return of == ExecutionFailed || of == ExecutionTimedOut || of == ExecutionAborted
	}
	return false
}

// revision is what the machine was when the execution began, as far as that is kept.
func (s *State) revision() *registry.Revision {
	if s.kept == nil {
		s.kept = &registry.Revision{}
		if len(s.settings.Revision) > 0 {
			r, _, err := registry.ReadShown(s.settings.Revision)
			mustHold(err == nil, "what is kept of the state machine can't be read: %v", err)
			s.kept = &r
		}
	}
	return s.kept
}

// log logs an event that the state has just taken in.
func (t *turn) log(id int64, e *Body) {
	if !t.in.Notify.Any(engine.NotifyLogs) || t.trial != nil {
		return
	}
	s := t.s
	l := &s.revision().Logging
	if !logged(l.Level, e.Type) || len(l.Destinations) == 0 {
		return
	}
	w := s.id.Name.World
	told := eventbridge.Event{
		ID: eventbridge.ID(s.logRun(), id+logID), Type: eventbridge.TypeLog, Source: logSource,
		Account: w.Account, At: int64(t.in.Now), Region: w.Region, Resource: l.Destinations[0],
	}
	body := told.Append(make([]byte, 0, logRoom), func(b []byte) []byte { return s.appendRecord(b, id, t.in.Now, e, l.Data) })
	t.notifications = append(t.notifications, engine.Notification{Event: id, Body: body})
	t.bytes += len(body) + partBytes
}

// logRun tells the execution from all others.
func (s *State) logRun() engine.RunID {
	if s.ephemeral {
		return engine.RunID(eventbridge.Sum(s.arn()))
	}
	return s.id.Run
}

// appendRecord appends the record of an event.
func (s *State) appendRecord(b []byte, id int64, at engine.Time, e *Body, data bool) []byte {
	said := *e
	if s.settings.Key.Key != "" {
		data = false
		for _, words := range []**datum{&said.Error, &said.Cause} {
			if *words != nil && (*words).sealed != "" {
				*words = nil
			}
		}
	}
	start := len(b)
	b, payloads := s.appendRecordCut(b, id, at, &said, data, 0)
	if len(b)-start <= logBytesMax || payloads == 0 {
		return b
	}
	b, _ = s.appendRecordCut(b[:start], id, at, &said, data, 1) // as large as all that is no payload
	if room := (logBytesMax - (len(b) - start)) / payloads; room > 1 {
		b, _ = s.appendRecordCut(b[:start], id, at, &said, data, room)
	}
	return b
}

// appendRecordCut appends it with texts of payloads cut; see appendDetails.
func (s *State) appendRecordCut(b []byte, id int64, at engine.Time, e *Body, data bool, cut int) (record []byte, payloads int) {
	b = append(b, `{"id":"`...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, `","type":"`...)
	b = append(b, e.Type...)
	b = append(b, `","details":`...)
	b, payloads = appendDetails(b, e, data, cut)
	b = append(b, `,"previous_event_id":"`...)
	b = strconv.AppendInt(b, e.Previous, 10)
	b = append(b, `","event_timestamp":"`...)
	b = strconv.AppendInt(b, int64(at), 10)
	b = append(b, `","execution_arn":`...)
	b = shape.AppendString(b, s.arn())
	b = append(b, `,"redrive_count":"`...)
	b = strconv.AppendInt(b, s.redrives, 10)
	return append(b, `"}`...), payloads
}
