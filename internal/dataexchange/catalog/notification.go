package catalog

import (
	"heddle/internal/aws/eventbridge"
	"heddle/internal/aws/shape"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
)

// What EventBridge is told: that a revision is published or revoked, and that the job of an
// event action has ended. Each is told by the run that it is about, with what that knows: of
// the data set its id and not its name, and by jobs of the revision its id and not its
// comment. The resource is the data set's id, as rules want it that begin jobs.
//
// Source: Data Exchange User Guide, "Amazon EventBridge events for AWS Data Exchange".
const (
	eventSource        = "aws.dataexchange"
	revisionPublished  = "Revision Published To Data Set"
	revisionWasRevoked = "Revision Revoked"
	exportCompleted    = "Auto-export Job Completed"
	exportFailed       = "Auto-export Job Failed"
)

// notification tells of the last event of a turn.
func notification(t *engine.Turn, id engine.Identity, now engine.Time, what, dataSet string, detail func([]byte) []byte) {
	event := t.Events[len(t.Events)-1].ID
	told := eventbridge.Event{
		ID: eventbridge.ID(id.Run, event), Type: what, Source: eventSource,
		Account: id.Name.World.Account, At: int64(now), Region: id.Name.World.Region, Resource: dataSet,
	}
	t.Notifications = append(t.Notifications, engine.Notification{Event: event, Body: told.Append(nil, detail)})
}

// tell tells what became of a revision by a turn; was is what it was before.
func (s *revisionState) tell(t *engine.Turn, was *Revision, in engine.Input) {
	r := s.revision
	published, revoked := r.Finalized && !was.Finalized, r.RevokedAt != 0 && was.RevokedAt == 0
	if in.Notify == engine.NotifyNone || !published && !revoked {
		return
	}
	what := revisionPublished
	if revoked {
		what = revisionWasRevoked
	}
	notification(t, s.id, in.Now, what, r.DataSet, func(b []byte) []byte {
		b = append(b, `{"RevisionIds":[`...)
		b = shape.AppendString(b, r.ID)
		b = append(b, `],"Revisions":[{"Id":`...)
		b = shape.AppendString(b, r.ID)
		b = append(b, `,"Comment":`...)
		b = shape.AppendString(b, r.Comment)
		b = append(b, `}],"DataSets":[{"Id":`...)
		b = shape.AppendString(b, r.DataSet)
		b = append(b, "}]"...)
		if revoked {
			b = append(b, `,"RevocationComment":`...)
			b = shape.AppendString(b, r.RevokedComment)
		}
		return append(b, '}')
	})
}

// tell tells that the job of an event action has ended by a turn; was is what it was before.
func (s *jobState) tell(t *engine.Turn, was *Job, in engine.Input) {
	j := s.job
	if in.Notify == engine.NotifyNone || j.Order.EventAction == "" || was != nil && was.State == j.State {
		return
	}
	what := exportCompleted
	switch j.State {
	case wire.StateError:
		what = exportFailed
	case wire.StateCompleted:
	default:
		return
	}
	notification(t, s.id, in.Now, what, j.Order.DataSet, func(b []byte) []byte {
		b = append(b, `{"RevisionIds":[`...)
		b = shape.AppendString(b, j.Order.Revision)
		b = append(b, `],"Revisions":[{"Id":`...)
		b = shape.AppendString(b, j.Order.Revision)
		b = append(b, `}],"DataSetIds":[`...)
		b = shape.AppendString(b, j.Order.DataSet)
		b = append(b, `],"DataSets":[{"Id":`...)
		b = shape.AppendString(b, j.Order.DataSet)
		b = append(b, `}],"JobId":`...)
		b = shape.AppendString(b, j.ID)
		b = append(b, `,"EventActionArn":`...)
		b = shape.AppendString(b, j.Order.EventAction)
		b = append(b, `,"Errors":`...)
		b = shape.AppendList(b, j.Errors, func(b []byte, e JobError) []byte {
			b = append(b, `{"Code":`...)
			b = shape.AppendString(b, e.Code)
			b = append(b, `,"Message":`...)
			b = shape.AppendString(b, e.Message)
			b = append(b, `,"ResourceId":`...)
			b = shape.AppendString(b, e.ResourceID)
			b = append(b, `,"ResourceType":`...)
			return append(shape.AppendString(b, e.ResourceType), '}')
		})
		return append(b, '}')
	})
}
