package dataexchange

import (
	"context"

	"heddle/internal/aws/operation"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
)

// Grants, from one account to another, are not offered yet. None can be made, and none is
// there.

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
	if _, err := s.dataSet(ctx, in.SourceDataSetID); err != nil {
		return nil, err
	}
	if in.EndsAt != nil && in.EndsAt.Time().Before(s.Now()) {
		return nil, invalid("EndsAt must be in the future.")
	}
	if in.ReceiverPrincipal == worldOf(ctx).Account {
		return nil, invalid("The receiver of a data grant must be another account.")
	}
	return nil, invalid("Data grants are not offered by this server yet.")
}

// noGrant is the fault for a grant's id or ARN.
func noGrant(given string) error {
	if n, ok := resource.Parse(given); ok {
		given = n.ID
	}
	return missing(kindGrant, given)
}

// getDataGrant serves GetDataGrant.
func (s *actions) getDataGrant(_ context.Context, in *wire.GetDataGrantRequest) (*wire.GetDataGrantResponse, error) {
	return nil, noGrant(in.DataGrantID)
}

// deleteDataGrant serves DeleteDataGrant.
func (s *actions) deleteDataGrant(_ context.Context, in *wire.DeleteDataGrantRequest) error {
	return noGrant(in.DataGrantID)
}

// acceptDataGrant serves AcceptDataGrant.
func (s *actions) acceptDataGrant(_ context.Context, in *wire.AcceptDataGrantRequest) (*wire.AcceptDataGrantResponse, error) {
	return nil, noGrant(in.DataGrantARN)
}

// getReceivedDataGrant serves GetReceivedDataGrant.
func (s *actions) getReceivedDataGrant(_ context.Context, in *wire.GetReceivedDataGrantRequest) (*wire.GetReceivedDataGrantResponse, error) {
	return nil, noGrant(in.DataGrantARN)
}

// listDataGrants serves ListDataGrants.
func (s *actions) listDataGrants(ctx context.Context, in *wire.ListDataGrantsRequest) (*wire.ListDataGrantsResponse, error) {
	p := s.pages(ctx, "grants")
	_, err := p.after(in.NextToken)
	return &wire.ListDataGrantsResponse{DataGrantSummaries: []wire.DataGrantSummaryEntry{}}, err
}

// listReceivedDataGrants serves ListReceivedDataGrants.
func (s *actions) listReceivedDataGrants(ctx context.Context, in *wire.ListReceivedDataGrantsRequest) (*wire.ListReceivedDataGrantsResponse, error) {
	p := s.pages(ctx, "received grants")
	_, err := p.after(in.NextToken)
	return &wire.ListReceivedDataGrantsResponse{DataGrantSummaries: []wire.ReceivedDataGrantSummariesEntry{}}, err
}
