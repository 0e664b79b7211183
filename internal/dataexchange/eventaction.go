package dataexchange

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"heddle/internal/aws/operation"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
)

func (s *actions) eventActionRows() []operation.Operation {
	return []operation.Operation{
		row(s, "CreateEventAction", s.createEventAction, largeBody),
		row(s, "GetEventAction", s.getEventAction),
		row(s, "UpdateEventAction", s.updateEventAction),
		silent(s, "DeleteEventAction", s.deleteEventAction),
		row(s, "ListEventActions", s.listEventActions),
	}
}

// action reads what an event action does. Errors: ValidationException.
func action(in *wire.Action) (a catalog.Action, err error) {
	if in.ExportRevisionToS3 == nil {
		return a, invalid("Action must have the member ExportRevisionToS3.")
	}
	to := in.ExportRevisionToS3
	a = catalog.Action{Bucket: to.RevisionDestination.Bucket, KeyPattern: to.RevisionDestination.KeyPattern}
	if err := checkPlace(a.Bucket, nil); err != nil {
		return a, err
	}
	if err := checkPattern(a.KeyPattern); err != nil {
		return a, err
	}
	a.Encryption, err = encryption(to.Encryption)
	return a, err
}

// goesElsewhere tells whether an action would write into another bucket, or with another
// key, than it does.
func goesElsewhere(a *catalog.Action, to *wire.AutoExportRevisionToS3RequestDetails) bool {
	e, err := encryption(to.Encryption)
	return err != nil || a.Bucket != to.RevisionDestination.Bucket || a.Encryption != e
}

// createEventAction serves CreateEventAction.
func (s *actions) createEventAction(ctx context.Context, in *wire.CreateEventActionRequest) (*wire.CreateEventActionResponse, error) {
	a, err := action(&in.Action)
	if err != nil {
		return nil, err
	}
	if in.Event.RevisionPublished == nil {
		return nil, invalid("Event must have the member RevisionPublished.")
	}
	set := in.Event.RevisionPublished.DataSetID
	d, err := s.dataSet(ctx, set)
	switch {
	case isMissing(err):
		return nil, invalid("There is no data set %s.", set)
	case err != nil:
		return nil, err
	case d.isSenders(), d.grant == nil && !s.options.OwnedEventActions:
		return nil, invalid("Event actions are for entitled data sets, and data set %s is owned.", set)
	}
	w := worldOf(ctx)
	if err := s.probe(ctx, w, &a); err != nil {
		return nil, err
	}
	var random [2]byte
	if _, err := io.ReadFull(s.Random, random[:]); err != nil {
		return nil, fmt.Errorf("make the id of an event action: %w", err)
	}
	made, err := s.account(ctx, "", &catalog.CreateEventAction{ID: catalog.NewEventActionID(s.RootSeed(), random), DataSet: set, Action: a, Tags: tagsOf(in.Tags)})
	if err != nil {
		return nil, err
	}
	return eventActionShape(w, made), nil
}

func eventActionShape(w engine.World, a *catalog.EventAction) *wire.CreateEventActionResponse {
	return &wire.CreateEventActionResponse{
		Action: &wire.Action{ExportRevisionToS3: &wire.AutoExportRevisionToS3RequestDetails{
			RevisionDestination: wire.AutoExportRevisionDestinationEntry{Bucket: a.Action.Bucket, KeyPattern: a.Action.KeyPattern},
			Encryption:          encryptionShape(&a.Action.Encryption),
		}},
		ARN: new(name(w, resource.EventAction, a.ID)), CreatedAt: moment(a.Created), Event: &wire.Event{RevisionPublished: &wire.RevisionPublished{DataSetID: a.DataSet}},
		ID: &a.ID, Tags: tagsShape(a.Tags), UpdatedAt: moment(a.Updated),
	}
}

// account gives a command about one event action to the account.
func (s *actions) account(ctx context.Context, id string, body any) (*catalog.EventAction, error) {
	reply, err := s.Runs.Do(ctx, catalog.AccountCommand(worldOf(ctx), body))
	if err != nil {
		return nil, faultOf(err, catalog.KindAccount, id)
	}
	a, _ := reply.(*catalog.EventAction)
	return a, nil
}

// eventAction finds an event action. Errors: ResourceNotFoundException.
func (s *actions) eventAction(ctx context.Context, id string) (*catalog.EventAction, error) {
	return s.account(ctx, id, &catalog.FindEventAction{ID: id})
}

// getEventAction serves GetEventAction.
func (s *actions) getEventAction(ctx context.Context, in *wire.GetEventActionRequest) (*wire.GetEventActionResponse, error) {
	a, err := s.eventAction(ctx, in.EventActionID)
	if err != nil {
		return nil, err
	}
	return (*wire.GetEventActionResponse)(eventActionShape(worldOf(ctx), a)), nil
}

// updateEventAction serves UpdateEventAction: the action is replaced as a whole.
func (s *actions) updateEventAction(ctx context.Context, in *wire.UpdateEventActionRequest) (*wire.UpdateEventActionResponse, error) {
	a, err := s.eventAction(ctx, in.EventActionID)
	if err != nil {
		return nil, err
	}
	if in.Action != nil {
		next, err := action(in.Action)
		if err != nil {
			return nil, err
		}
		if goesElsewhere(&a.Action, in.Action.ExportRevisionToS3) {
			if err := s.probe(ctx, worldOf(ctx), &next); err != nil {
				return nil, err
			}
		}
		if a, err = s.account(ctx, a.ID, &catalog.UpdateEventAction{ID: a.ID, Action: &next}); err != nil {
			return nil, err
		}
	}
	e := eventActionShape(worldOf(ctx), a)
	return &wire.UpdateEventActionResponse{Action: e.Action, ARN: e.ARN, CreatedAt: e.CreatedAt, Event: e.Event, ID: e.ID, UpdatedAt: e.UpdatedAt}, nil
}

// deleteEventAction serves DeleteEventAction. Jobs that it has made go on.
func (s *actions) deleteEventAction(ctx context.Context, in *wire.DeleteEventActionRequest) error {
	_, err := s.account(ctx, in.EventActionID, &catalog.DeleteEventAction{ID: in.EventActionID})
	return err
}

// listEventActions serves ListEventActions.
func (s *actions) listEventActions(ctx context.Context, in *wire.ListEventActionsRequest) (*wire.ListEventActionsResponse, error) {
	w, p := worldOf(ctx), s.pages(ctx, "event actions", value(in.EventSourceID))
	after, err := p.after(in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &wire.ListEventActionsResponse{EventActions: []wire.EventActionEntry{}}
	list := &catalog.ListEventActions{DataSet: value(in.EventSourceID), Limit: pageSize(in.MaxResults)}
	if after != nil {
		if list.After, err = strconv.ParseInt(string(after), 10, 64); err != nil {
			return nil, err
		}
	}
	reply, err := s.Runs.Do(ctx, catalog.AccountCommand(w, list))
	if isMissing(err) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	page := reply.(catalog.EventActionPage)
	for _, a := range page.Actions {
		e := eventActionShape(w, a)
		out.EventActions = append(out.EventActions, wire.EventActionEntry{
			Action: *e.Action, ARN: *e.ARN, CreatedAt: *e.CreatedAt, Event: *e.Event, ID: a.ID, UpdatedAt: *e.UpdatedAt,
		})
	}
	if n := whole(out.EventActions); n > 0 {
		out.EventActions = out.EventActions[:n]
		out.NextToken, err = p.next(strconv.AppendInt(nil, page.Actions[n-1].Number, 10), page.More || n < len(page.Actions))
	}
	return out, err
}
