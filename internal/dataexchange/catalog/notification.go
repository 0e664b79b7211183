package catalog

import (
	"heddle/internal/aws/eventbridge"
	"heddle/internal/aws/shape"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/pack"
)

// What EventBridge is told, and by which run:
//
//   - a revision is published or revoked: its data set, for the owner, and each entitled data
//     set whose grant is accepted and not over, for the receiver, in the receiver's ids;
//   - the job of an event action has ended: the job;
//   - a grant is accepted: the grant, for its sender;
//   - an accepted grant is deleted: the entitled data set, for its receiver.
//
// Texts that only those outside want go along with the messages if somebody wants them.
//
// Source: Data Exchange User Guide, "Amazon EventBridge events for AWS Data Exchange".
const (
	eventSource        = "aws.dataexchange"
	revisionPublished  = "Revision Published To Data Set"
	revisionWasRevoked = "Revision Revoked"
	exportCompleted    = "Auto-export Job Completed"
	exportFailed       = "Auto-export Job Failed"
	grantWasAccepted   = "Data Grant Accepted"
	grantRevoked       = "Data Grant Revoked"
)

// captionBytes are so many of a text that it counts like one more message of a turn.
const captionBytes = 1024

// news is what becomes of a revision: it is published, or revoked.
type news struct {
	Revision       string
	Comment        string // of the revision; known if somebody outside wants to hear of it
	Revoked        bool
	RevokedComment string
}

// Code says the fields.
func (n *news) Code(c *pack.Coder) {
	c.Text(&n.Revision)
	if c.Tail(n.hasMore()) {
		n.codeMore(c)
	}
}

// hasMore tells whether there is anything that codeMore says.
func (n *news) hasMore() bool { return n.Comment != "" || n.Revoked }

func (n *news) codeMore(c *pack.Coder) {
	c.Text(&n.Comment)
	c.Bool(&n.Revoked)
	c.Text(&n.RevokedComment)
}

// captions are what people call a data set, and say of a revision.
type captions struct{ SetName, Comment string }

// captionsOf gives them if somebody outside wants to hear of it.
func captionsOf(setName, comment string, in engine.Input) captions {
	if !in.Notify.Any(engine.NotifyPublic) {
		return captions{}
	}
	return captions{setName, comment}
}

func (k *captions) code(c *pack.Coder) {
	c.Text(&k.SetName)
	c.Text(&k.Comment)
}

// codeTail says them at the end of what is stored, if there are any.
func (k *captions) codeTail(c *pack.Coder) {
	if c.Tail(*k != captions{}) {
		k.code(c)
	}
}

// notification tells of the last event of a turn.
func notification(t *engine.Turn, id engine.Identity, now engine.Time, what, about string, detail func([]byte) []byte) {
	event := t.Events[len(t.Events)-1].ID
	told := eventbridge.Event{
		ID: eventbridge.ID(id.Run, event), Type: what, Source: eventSource,
		Account: id.Name.World.Account, At: int64(now), Region: id.Name.World.Region, Resource: about,
	}
	t.Notifications = append(t.Notifications, engine.Notification{Event: event, Body: told.Append(nil, detail)})
}

// notify tells the news by the last event of a turn of a data set. The resource is the data
// set's id, as rules want it that begin jobs.
func (n *news) notify(t *engine.Turn, id engine.Identity, dataSet, name string, in engine.Input) {
	what := revisionPublished
	if n.Revoked {
		what = revisionWasRevoked
	}
	notification(t, id, in.Now, what, dataSet, func(b []byte) []byte {
		b = appendRevision(append(b, '{'), n.Revision, n.Comment)
		b = appendDataSet(append(b, ','), dataSet, name)
		if n.Revoked {
			b = append(b, `,"RevocationComment":`...)
			b = shape.AppendString(b, n.RevokedComment)
		}
		return append(b, '}')
	})
}

// notify tells what became of a grant by the last event of a turn.
func (g *Grant) notify(t *engine.Turn, id engine.Identity, what string, in engine.Input) {
	if !in.Notify.Any(engine.NotifyPublic) {
		return
	}
	region := id.Name.World.Region
	set := resource.Of(region, "", resource.DataSet, g.DataSet)
	notification(t, id, in.Now, what, set.String(), func(b []byte) []byte {
		b = appendDataSet(append(b, '{'), g.DataSet, g.SetName)
		b = append(b, `,"DataGrant":{"Arn":`...)
		b = shape.AppendString(b, resource.Of(region, g.Sender, resource.Grant, g.ID).String())
		b = append(b, `,"Name":`...)
		b = shape.AppendString(b, g.Name)
		return append(b, "}}"...)
	})
}

// notify tells that the job of an event action has ended by a turn; was is what it was before.
func (s *jobState) notify(t *engine.Turn, was *Job, in engine.Input) {
	j := s.job
	if !in.Notify.Any(engine.NotifyPublic) || j.Order.EventAction == "" || was != nil && was.State == j.State {
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
		b = appendRevision(append(b, '{'), j.Order.Revision, j.captions.Comment)
		b = append(b, `,"DataSetIds":[`...)
		b = shape.AppendString(b, j.Order.DataSet)
		b = appendDataSet(append(b, "],"...), j.Order.DataSet, j.captions.SetName)
		b = append(b, `,"JobId":`...)
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

// appendRevision appends the members that say which revision it is.
func appendRevision(b []byte, id, comment string) []byte {
	b = append(b, `"RevisionIds":[`...)
	b = shape.AppendString(b, id)
	b = append(b, `],"Revisions":[{"Id":`...)
	b = shape.AppendString(b, id)
	b = append(b, `,"Comment":`...)
	return append(shape.AppendString(b, comment), "}]"...)
}

// appendDataSet appends the member that says which data set it is.
func appendDataSet(b []byte, id, name string) []byte {
	b = append(b, `"DataSets":[{"Id":`...)
	b = shape.AppendString(b, id)
	b = append(b, `,"Name":`...)
	return append(shape.AppendString(b, name), "}]"...)
}
