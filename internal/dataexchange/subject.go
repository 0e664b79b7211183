package dataexchange

import (
	"context"
	"errors"
	"slices"

	"heddle/internal/aws/operation"
	"heddle/internal/aws/policy"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/keypattern"
	"heddle/internal/dataexchange/permission"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
)

// subject is what a call is about: what it needs permission for, and the thing that it
// names. The tags of that, and what a job needs besides, are looked up when policies are to
// be asked.
type subject struct {
	permission.Need
	actions *actions
	world   engine.World
	action  string
	in      any
	looked  bool   // whose the thing is
	sender  string // the account whose grant the caller receives and changes; empty: none
}

// about makes the function of a row that resolves its subject; package permission says what
// each action needs.
func about[In any](s *actions, action string) func(context.Context, *In) (operation.Subject, error) {
	return func(ctx context.Context, in *In) (operation.Subject, error) {
		w := worldOf(ctx)
		return &subject{Need: permission.Call(action, in, w.Region, w.Account), actions: s, world: w, action: action, in: in}, nil
	}
}

// types are what CloudTrail calls things.
var types = map[resource.Type]string{
	resource.DataSet: "AWS::DataExchange::DataSet", resource.Revision: "AWS::DataExchange::Revision", resource.Asset: "AWS::DataExchange::Asset",
	resource.Job: "AWS::DataExchange::Job", resource.EventAction: "AWS::DataExchange::EventAction", resource.Grant: "AWS::DataExchange::DataGrant",
}

// Resource implements operation.Subject.
func (sub *subject) Resource(ctx context.Context) operation.Resource {
	n := &sub.Need.Resource
	if n.Type == "" || n.ID == "*" {
		return operation.Resource{}
	}
	// What could not be found out is as if it were the caller's: the handler meets the error.
	_ = sub.whose(ctx)
	return operation.Resource{Kind: string(n.Type), Name: n.ID, ARN: n.String(), Type: types[n.Type], Account: sub.sender}
}

// whose finds out whether the thing that a call names is entitled: its ARN has no account
// then. Who accepts a grant changes what is its sender's, too.
func (sub *subject) whose(ctx context.Context) error {
	n := &sub.Need.Resource
	if sub.looked {
		return nil
	}
	switch n.Type {
	case resource.DataSet, resource.Revision, resource.Asset:
		set := n.DataSet
		if n.Type == resource.DataSet {
			set = n.ID
		}
		if set == "*" || !n.In(sub.world.Region, sub.world.Account) {
			break
		}
		d, err := sub.actions.dataSet(ctx, set)
		if err != nil && !isMissing(err) {
			return err
		}
		if err == nil {
			n.Account = d.named().Account
		}
	case resource.Grant:
		if in, accepts := sub.in.(*wire.AcceptDataGrantRequest); accepts {
			g, err := sub.actions.received(ctx, in.DataGrantARN)
			if err != nil && !isMissing(err) {
				return err
			}
			if err == nil {
				sub.sender = g.Sender
			}
		}
	}
	sub.looked = true
	return nil
}

// Questions implements operation.Subject. What does not exist is for the handler to tell,
// once it is known that the caller may hear it.
func (sub *subject) Questions(ctx context.Context) ([]policy.Request, error) {
	c := operation.CallerOf(ctx)
	known := c.Context()
	if err := sub.whose(ctx); err != nil {
		return nil, err
	}
	if err := sub.look(ctx); err != nil && !isMissing(err) {
		return nil, err
	}
	if sub.Tagged() {
		tags, err := sub.actions.tags(ctx, sub.Need.Resource)
		if err != nil && !isMissing(err) {
			return nil, err
		}
		known = slices.Clip(known)
		for _, t := range tags {
			known = append(known, permission.ResourceTag(t.Key, t.Value))
		}
	}
	return sub.Requests(c.Principal, known), nil
}

// look adds what only the thing itself tells.
func (sub *subject) look(ctx context.Context) error {
	switch in := sub.in.(type) {
	case *wire.GetJobRequest, *wire.CancelJobRequest, *wire.StartJobRequest:
		job, err := sub.actions.job(ctx, sub.Need.Resource.ID)
		if err != nil {
			return err
		}
		sub.JobType = job.Order.Type
		if sub.action == "StartJob" {
			return sub.starting(ctx, &job.Order)
		}
	case *wire.UpdateRevisionRequest:
		if !value(in.Finalized) {
			return nil
		}
		d, err := sub.actions.dataSet(ctx, in.DataSetID)
		if err != nil {
			return err
		}
		if d.Grants > 0 {
			sub.More = append(sub.More, permission.Ask{Action: "PublishToDataGrant", Resource: d.arnOf(resource.DataSet, d.ID)})
		}
	case *wire.UpdateEventActionRequest:
		if in.Action == nil || in.Action.ExportRevisionToS3 == nil {
			return nil
		}
		a, err := sub.actions.eventAction(ctx, in.EventActionID)
		if err != nil {
			return err
		}
		if to := in.Action.ExportRevisionToS3; goesElsewhere(&a.Action, to) {
			sub.Outside = permission.Exporting(sub.world.Region, to)
		}
	}
	return nil
}

// starting adds what a job needs that is started: what it does is done for the caller.
func (sub *subject) starting(ctx context.Context, o *catalog.Order) error {
	w := sub.world
	d, err := sub.actions.dataSet(ctx, o.DataSet)
	if err != nil {
		return err
	}
	ask := func(action string, t resource.Type, id string, above ...string) {
		sub.More = append(sub.More, permission.Ask{Action: action, Resource: d.arnOf(t, id, above...)})
	}
	switch o.Type {
	case wire.TypeImportAssetsFromS3, wire.TypeImportAssetFromSignedUrl:
		ask("CreateAsset", resource.Revision, o.Revision, o.DataSet)
		if len(o.Tags) > 0 {
			ask("TagResource", resource.Revision, o.Revision, o.DataSet)
		}
		for _, i := range o.Items {
			sub.Outside = append(sub.Outside, permission.Reading(w.Region, i.Bucket, value(i.Key)))
		}
	case wire.TypeExportAssetToSignedUrl:
		ask("GetAsset", resource.Asset, o.Asset, o.DataSet, o.Revision)
	case wire.TypeExportAssetsToS3:
		for _, i := range o.Items {
			ask("GetAsset", resource.Asset, i.Asset, o.DataSet, o.Revision)
			key := "*" // as the asset is called, which may be changed until then
			if i.Key != nil {
				key = *i.Key
			}
			sub.Outside = append(sub.Outside, permission.Writing(w.Region, i.Bucket, key))
		}
	case wire.TypeExportRevisionsToS3:
		ask("GetRevision", resource.Revision, o.Revision, o.DataSet)
		for _, i := range o.Items {
			if pattern, err := keypattern.Parse(patternOf(&i)); err == nil && pattern.NamesDataSet() {
				ask("GetDataSet", resource.DataSet, o.DataSet)
			}
			sub.Outside = append(sub.Outside, permission.Writing(w.Region, i.Bucket, "*"))
		}
	}
	sub.Outside = append(sub.Outside, permission.Encrypting(o.Encryption.Key)...)
	return nil
}

// tags are those of a data set, a revision, an asset, an event action or a grant. Errors:
// ResourceNotFoundException.
func (s *actions) tags(ctx context.Context, n resource.Name) ([]collection.Tag, error) {
	w := worldOf(ctx)
	if !n.In(w.Region, w.Account) {
		return nil, &engine.UnknownRunError{}
	}
	switch n.Type {
	case resource.DataSet:
		d, err := s.dataSet(ctx, n.ID)
		if err != nil {
			return nil, err
		}
		return d.Tags, nil
	case resource.Revision:
		_, r, err := s.revision(ctx, n.DataSet, n.ID)
		if err != nil {
			return nil, err
		}
		return r.Tags, nil
	case resource.Grant:
		g, err := s.grant(ctx, n.ID)
		if err != nil {
			return nil, err
		}
		return g.Tags, nil
	case resource.Asset:
		_, a, err := s.asset(ctx, n.DataSet, n.Revision, n.ID)
		if err != nil {
			return nil, err
		}
		return a.Tags, nil
	case resource.EventAction:
		a, err := s.eventAction(ctx, n.ID)
		if err != nil {
			return nil, err
		}
		return a.Tags, nil
	}
	return nil, &engine.UnknownRunError{}
}

// isMissing tells whether what was asked for is not there.
func isMissing(err error) bool {
	if _, ok := errors.AsType[*engine.UnknownRunError](err); ok {
		return true
	}
	return isNotFound(err)
}
