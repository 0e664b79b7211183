package dataexchange

import (
	"context"
	"slices"
	"unicode/utf8"

	"heddle/internal/aws/operation"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/visibility"
)

func (s *actions) grantRows() []operation.Operation {
	return []operation.Operation{
		row(s, "CreateDataGrant", s.createDataGrant, largeBody),
		row(s, "GetDataGrant", s.getDataGrant),
		silent(s, "DeleteDataGrant", s.deleteDataGrant),
		row(s, "ListDataGrants", s.listDataGrants),
		row(s, "AcceptDataGrant", s.acceptDataGrant),
		row(s, "GetReceivedDataGrant", s.getReceivedDataGrant),
		row(s, "ListReceivedDataGrants", s.listReceivedDataGrants),
	}
}

// createDataGrant serves CreateDataGrant.
func (s *actions) createDataGrant(ctx context.Context, in *wire.CreateDataGrantRequest) (*wire.CreateDataGrantResponse, error) {
	if err := checkText("Name", in.Name, nameMax); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(value(in.Description)) > descriptionMax {
		return nil, invalid("Description must have at most %d characters.", descriptionMax)
	}
	d, err := s.own(ctx, in.SourceDataSetID)
	if err != nil {
		return nil, err
	}
	w := d.world
	switch {
	case in.EndsAt != nil && engine.Time(*in.EndsAt) <= s.Clock():
		return nil, invalid("EndsAt must be in the future.")
	case in.ReceiverPrincipal == w.Account:
		return nil, invalid("The receiver of a data grant must be another account.")
	case !s.Accounts.Has(in.ReceiverPrincipal):
		return nil, invalid("There is no account %s.", in.ReceiverPrincipal)
	}
	published, err := s.Visibility.List(ctx, d.published(), visibility.Any, true, nil, 1, answerBytesMax)
	if err != nil {
		return nil, err
	}
	if len(published.Runs) == 0 {
		return nil, invalid("Data set %s has no finalized revision.", d.ID)
	}
	add := &catalog.AddGrant{Seed: s.RootSeed(), Create: catalog.CreateGrant{
		Terms: catalog.Terms{
			Name: in.Name, Description: value(in.Description), Scope: in.GrantDistributionScope, Receiver: in.ReceiverPrincipal,
			Source: d.ID, SetName: d.Name, SetDescription: d.Description,
		},
		Tags: tagsOf(in.Tags),
	}}
	if in.EndsAt != nil {
		add.Create.EndsAt = engine.Time(*in.EndsAt)
	}
	g, err := s.makeGrant(ctx, w, add)
	if err != nil {
		return nil, err
	}
	return grantShape(w, g), nil
}

// makeGrant has a grant counted by the account, taken in by its data set, created, and
// shown to its receiver. Each of these sends the same on to the next by message, so whichever
// comes first does it, and a grant that is counted comes to be.
func (s *actions) makeGrant(ctx context.Context, w engine.World, add *catalog.AddGrant) (*catalog.Grant, error) {
	ctx = context.WithoutCancel(ctx)
	if _, err := s.Runs.Do(ctx, catalog.AccountCommand(w, add)); err != nil {
		return nil, faultOf(err, catalog.KindDataSet, add.Create.Source)
	}
	if _, err := s.doIn(ctx, w, catalog.KindDataSet, add.Create.Source, add); err != nil {
		return nil, err
	}
	create := catalog.CreateCommand(w, catalog.KindGrant, add.Seed, &add.Create)
	create.Begin = engine.IfAbsent
	reply, err := s.Runs.Do(ctx, create)
	if err != nil {
		return nil, err
	}
	return s.whole(ctx, w, reply.(*catalog.Grant))
}

// whole gives a grant with its entitled data set, which is made if it is not there yet.
func (s *actions) whole(ctx context.Context, w engine.World, g *catalog.Grant) (*catalog.Grant, error) {
	if g.DataSet != "" {
		return g, nil
	}
	entitle := catalog.EntitleCommand(w.Region, g)
	entitle.Begin = engine.IfAbsent
	reply, err := s.Runs.Do(ctx, entitle)
	if err != nil {
		return nil, faultOf(err, catalog.KindGrant, g.ID)
	}
	reply, err = s.doIn(ctx, w, catalog.KindGrant, g.ID, &catalog.Entitled{DataSet: reply.(*catalog.Grant).DataSet})
	if err != nil {
		return nil, err
	}
	return reply.(*catalog.Grant), nil
}

// published is where the published revisions of the data set's source are listed.
func (d *dataSet) published() visibility.Place {
	p := visibility.Place{Kind: catalog.KindRevision, World: d.world, Family: catalog.ByPublication, Value: d.ID}
	if d.grant != nil {
		p.World.Account, p.Value = d.grant.Sender, d.grant.Source
	}
	return p
}

func grantShape(w engine.World, g *catalog.Grant) *wire.CreateDataGrantResponse {
	return &wire.CreateDataGrantResponse{
		AcceptanceState: g.State(), AcceptedAt: moment(g.Accepted), ARN: grantARN(w, g), CreatedAt: wire.Timestamp(g.Created), DataSetID: g.DataSet,
		Description: present(g.Description), EndsAt: moment(g.EndsAt), GrantDistributionScope: g.Scope, ID: g.ID, Name: g.Name, ReceiverPrincipal: g.Receiver,
		SenderPrincipal: g.Sender, SourceDataSetID: g.Source, Tags: tagsShape(g.Tags), UpdatedAt: wire.Timestamp(g.Updated),
	}
}

// grantARN is what a grant is called: it is its sender's.
func grantARN(w engine.World, g *catalog.Grant) string {
	return name(engine.World{Account: g.Sender, Region: w.Region}, resource.Grant, g.ID)
}

// receivedShape is a grant as its receiver sees it.
func receivedShape(w engine.World, g *catalog.Grant) *wire.GetReceivedDataGrantResponse {
	return &wire.GetReceivedDataGrantResponse{
		AcceptanceState: g.State(), AcceptedAt: moment(g.Accepted), ARN: grantARN(w, g), CreatedAt: wire.Timestamp(g.Created), DataSetID: g.DataSet,
		Description: present(g.Description), EndsAt: moment(g.EndsAt), GrantDistributionScope: g.Scope, ID: g.ID, Name: g.Name, ReceiverPrincipal: g.Receiver,
		SenderPrincipal: &g.Sender, UpdatedAt: wire.Timestamp(g.Updated),
	}
}

// grant finds a grant that the caller has made, by its id or its ARN. Errors:
// ResourceNotFoundException.
func (s *actions) grant(ctx context.Context, given string) (*catalog.Grant, error) {
	w := worldOf(ctx)
	if n, ok := resource.Parse(given); ok {
		if given = n.ID; n.Type != resource.Grant || !n.In(w.Region, w.Account) {
			return nil, missing(catalog.KindGrant, given)
		}
	}
	return s.sent(ctx, w, given)
}

// sent finds a grant that was made in a world. Errors: ResourceNotFoundException.
func (s *actions) sent(ctx context.Context, w engine.World, id string) (*catalog.Grant, error) {
	reply, err := s.doIn(ctx, w, catalog.KindGrant, id, &catalog.Describe{})
	if err != nil {
		return nil, err
	}
	return s.whole(ctx, w, reply.(*catalog.Grant))
}

// received finds a grant that the caller receives. Errors: ResourceNotFoundException.
func (s *actions) received(ctx context.Context, arn string) (*catalog.Grant, error) {
	w := worldOf(ctx)
	n, ok := resource.Parse(arn)
	if !ok {
		n.ID = arn
	}
	cmd, is := catalog.GrantCommand(w, n.ID, &catalog.Describe{})
	if !is || n.Type != resource.Grant || n.Region != w.Region {
		return nil, missing(catalog.KindGrant, n.ID)
	}
	reply, err := s.Runs.Do(ctx, cmd)
	if err != nil {
		return nil, faultOf(err, catalog.KindGrant, n.ID)
	}
	g := reply.(*catalog.Grant)
	if g.ID != n.ID || g.Sender != n.Account || !s.Accounts.Has(g.Sender) {
		return nil, missing(catalog.KindGrant, n.ID)
	}
	return g, nil
}

// getDataGrant serves GetDataGrant.
func (s *actions) getDataGrant(ctx context.Context, in *wire.GetDataGrantRequest) (*wire.GetDataGrantResponse, error) {
	g, err := s.grant(ctx, in.DataGrantID)
	if err != nil {
		return nil, err
	}
	return (*wire.GetDataGrantResponse)(grantShape(worldOf(ctx), g)), nil
}

// deleteDataGrant serves DeleteDataGrant. Its receiver has nothing of it any more when it is
// answered, and those who count it know; they are told by message, too.
func (s *actions) deleteDataGrant(ctx context.Context, in *wire.DeleteDataGrantRequest) error {
	ctx = context.WithoutCancel(ctx)
	w := worldOf(ctx)
	g, err := s.grant(ctx, in.DataGrantID)
	if err != nil {
		return err
	}
	deleting, _ := catalog.Command(w, catalog.KindGrant, g.ID, &catalog.Delete{})
	if _, err := s.Runs.Do(ctx, deleting); err != nil {
		return faultOf(err, catalog.KindGrant, g.ID)
	}
	withdraw, _ := catalog.GrantCommand(engine.World{Account: g.Receiver, Region: w.Region}, g.ID, &catalog.Withdraw{})
	over := &catalog.GrantOver{Key: deleting.Name.Key}
	ofSet, _ := catalog.Command(w, catalog.KindDataSet, g.Source, over)
	for _, cmd := range []engine.Command{withdraw, ofSet, catalog.AccountCommand(w, over)} {
		if _, err := s.Runs.Do(ctx, cmd); err != nil && !isMissing(err) {
			return err
		}
	}
	return nil
}

// acceptDataGrant serves AcceptDataGrant. Its sender is told by message, too.
func (s *actions) acceptDataGrant(ctx context.Context, in *wire.AcceptDataGrantRequest) (*wire.AcceptDataGrantResponse, error) {
	ctx = context.WithoutCancel(ctx)
	w := worldOf(ctx)
	g, err := s.received(ctx, in.DataGrantARN)
	if err != nil {
		return nil, err
	}
	cmd, _ := catalog.GrantCommand(w, g.ID, &catalog.Accept{})
	reply, err := s.Runs.Do(ctx, cmd)
	if err != nil {
		return nil, faultOf(err, catalog.KindGrant, g.ID)
	}
	g = reply.(*catalog.Grant)
	sender := engine.World{Account: g.Sender, Region: w.Region}
	if _, err := s.doIn(ctx, sender, catalog.KindGrant, g.ID, &catalog.Accepted{At: g.Accepted}); err != nil && !isMissing(err) {
		return nil, err
	}
	r := receivedShape(w, g)
	return (*wire.AcceptDataGrantResponse)(r), nil
}

// getReceivedDataGrant serves GetReceivedDataGrant.
func (s *actions) getReceivedDataGrant(ctx context.Context, in *wire.GetReceivedDataGrantRequest) (*wire.GetReceivedDataGrantResponse, error) {
	g, err := s.received(ctx, in.DataGrantARN)
	if err != nil {
		return nil, err
	}
	return receivedShape(worldOf(ctx), g), nil
}

// listDataGrants serves ListDataGrants: the newest first.
func (s *actions) listDataGrants(ctx context.Context, in *wire.ListDataGrantsRequest) (*wire.ListDataGrantsResponse, error) {
	w, p := worldOf(ctx), s.pages(ctx, "grants")
	grants, next, err := listRuns(ctx, p, in.MaxResults, in.NextToken, list[wire.DataGrantSummaryEntry]{w, catalog.KindGrant, catalog.ByOwner, "", func(r *engine.RunView) (*wire.DataGrantSummaryEntry, error) {
		g, err := catalog.ReadGrant(r)
		if err != nil {
			return nil, err
		}
		return &wire.DataGrantSummaryEntry{
			AcceptanceState: g.State(), AcceptedAt: moment(g.Accepted), ARN: grantARN(w, g), CreatedAt: wire.Timestamp(g.Created), DataSetID: g.DataSet,
			EndsAt: moment(g.EndsAt), ID: g.ID, Name: g.Name, ReceiverPrincipal: g.Receiver, SenderPrincipal: g.Sender, SourceDataSetID: g.Source,
			UpdatedAt: wire.Timestamp(g.Updated),
		}, nil
	}})
	if err != nil {
		return nil, err
	}
	return &wire.ListDataGrantsResponse{DataGrantSummaries: grants, NextToken: next}, nil
}

// listReceivedDataGrants serves ListReceivedDataGrants: the newest first.
func (s *actions) listReceivedDataGrants(ctx context.Context, in *wire.ListReceivedDataGrantsRequest) (*wire.ListReceivedDataGrantsResponse, error) {
	state := ""
	if wanted := slices.Compact(slices.Sorted(slices.Values(in.AcceptanceState))); len(wanted) == 1 {
		state = wanted[0]
	}
	w, p := worldOf(ctx), s.pages(ctx, "received grants", state)
	grants, next, err := listRuns(ctx, p, in.MaxResults, in.NextToken, list[wire.ReceivedDataGrantSummariesEntry]{w, catalog.KindEntitled, catalog.ByState, state, func(r *engine.RunView) (*wire.ReceivedDataGrantSummariesEntry, error) {
		g, _, err := catalog.ReadEntitled(r)
		if err != nil {
			return nil, err
		}
		if !s.Accounts.Has(g.Sender) {
			return nil, missing(catalog.KindGrant, g.ID)
		}
		return &wire.ReceivedDataGrantSummariesEntry{
			AcceptanceState: g.State(), AcceptedAt: moment(g.Accepted), ARN: grantARN(w, g), CreatedAt: wire.Timestamp(g.Created), DataSetID: g.DataSet,
			EndsAt: moment(g.EndsAt), ID: g.ID, Name: g.Name, ReceiverPrincipal: g.Receiver, SenderPrincipal: g.Sender, UpdatedAt: wire.Timestamp(g.Updated),
		}, nil
	}})
	if err != nil {
		return nil, err
	}
	return &wire.ListReceivedDataGrantsResponse{DataGrantSummaries: grants, NextToken: next}, nil
}
