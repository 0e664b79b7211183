package dataexchange

import (
	"context"
	"unicode/utf8"

	"heddle/internal/aws/operation"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
)

func (s *actions) revisionRows() []operation.Operation {
	return []operation.Operation{
		row(s, "CreateRevision", s.createRevision, largeBody),
		row(s, "GetRevision", s.getRevision),
		row(s, "UpdateRevision", s.updateRevision, largeBody),
		silent(s, "DeleteRevision", s.deleteRevision),
		row(s, "RevokeRevision", s.revokeRevision),
		row(s, "ListDataSetRevisions", s.listDataSetRevisions),
	}
}

// checkComment refuses a comment that is too long.
func checkComment(comment *string) error {
	if utf8.RuneCountInString(value(comment)) > descriptionMax {
		return invalid("Comment must have at most %d characters.", descriptionMax)
	}
	return nil
}

// createRevision serves CreateRevision.
func (s *actions) createRevision(ctx context.Context, in *wire.CreateRevisionRequest) (*wire.CreateRevisionResponse, error) {
	if err := checkComment(in.Comment); err != nil {
		return nil, err
	}
	d, err := s.own(ctx, in.DataSetID)
	if err != nil {
		return nil, err
	}
	w, seed := d.world, s.RootSeed()
	create := catalog.CreateRevision{DataSet: in.DataSetID, Comment: value(in.Comment), Tags: tagsOf(in.Tags)}
	owner, ok := catalog.Command(w, catalog.KindDataSet, in.DataSetID, &catalog.AddRevision{Seed: seed, Create: create})
	if !ok {
		return nil, missing(catalog.KindDataSet, in.DataSetID)
	}
	reply, err := s.create(ctx, owner, catalog.CreateCommand(w, catalog.KindRevision, seed, &create))
	if err != nil {
		return nil, faultOf(err, catalog.KindDataSet, in.DataSetID)
	}
	return revisionShape(d, reply.(*catalog.Revision)), nil
}

func revisionShape(d *dataSet, r *catalog.Revision) *wire.CreateRevisionResponse {
	return &wire.CreateRevisionResponse{
		ARN: new(d.arnOf(resource.Revision, r.ID, r.DataSet)), Comment: present(r.Comment), CreatedAt: moment(r.Created), DataSetID: &r.DataSet,
		Finalized: &r.Finalized, ID: &r.ID, RevocationComment: present(r.RevokedComment), Revoked: new(r.RevokedAt != 0), RevokedAt: moment(r.RevokedAt),
		SourceID: d.sourceOf(r.ID), Tags: tagsShape(r.Tags), UpdatedAt: moment(r.Updated),
	}
}

// untagged is a revision as all answers but Create and Get have it.
func untagged(d *dataSet, r *catalog.Revision) *wire.UpdateRevisionResponse {
	full := revisionShape(d, r)
	return &wire.UpdateRevisionResponse{
		ARN: full.ARN, Comment: full.Comment, CreatedAt: full.CreatedAt, DataSetID: full.DataSetID, Finalized: full.Finalized, ID: full.ID,
		RevocationComment: full.RevocationComment, Revoked: full.Revoked, RevokedAt: full.RevokedAt,
		SourceID: full.SourceID, UpdatedAt: full.UpdatedAt,
	}
}

// revision finds a revision of a data set, and that. Errors: ResourceNotFoundException.
func (s *actions) revision(ctx context.Context, set, id string) (*dataSet, *catalog.Revision, error) {
	d, err := s.dataSet(ctx, set)
	if err != nil {
		return nil, nil, err
	}
	r, err := d.describe(ctx, id)
	return d, r, err
}

// changeRevision gives a command to a revision of a data set that is the caller's own. Errors:
// ResourceNotFoundException, ConflictException, ValidationException.
func (s *actions) changeRevision(ctx context.Context, set, id string, body any) (*dataSet, *catalog.Revision, error) {
	d, err := s.own(ctx, set)
	if err != nil {
		return nil, nil, err
	}
	if _, err := d.describe(ctx, id); err != nil {
		return nil, nil, err
	}
	reply, err := s.do(ctx, catalog.KindRevision, id, body)
	if err != nil {
		return nil, nil, err
	}
	r, _ := reply.(*catalog.Revision)
	return d, r, nil
}

// getRevision serves GetRevision.
func (s *actions) getRevision(ctx context.Context, in *wire.GetRevisionRequest) (*wire.GetRevisionResponse, error) {
	d, r, err := s.revision(ctx, in.DataSetID, in.RevisionID)
	if err != nil {
		return nil, err
	}
	return (*wire.GetRevisionResponse)(revisionShape(d, r)), nil
}

// updateRevision serves UpdateRevision. What it publishes goes on by itself.
func (s *actions) updateRevision(ctx context.Context, in *wire.UpdateRevisionRequest) (*wire.UpdateRevisionResponse, error) {
	if err := checkComment(in.Comment); err != nil {
		return nil, err
	}
	d, r, err := s.revision(ctx, in.DataSetID, in.RevisionID)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Finalized == nil || *in.Finalized == r.Finalized:
	case *in.Finalized:
		busy, err := s.inProgress(ctx, &catalog.InProgress{DataSet: in.DataSetID, Revision: in.RevisionID})
		if err != nil {
			return nil, err
		}
		if busy {
			return nil, conflict(catalog.KindRevision, in.RevisionID, "A job that imports into the revision is in progress.")
		}
	case d.Grants > 0:
		return nil, conflict(catalog.KindRevision, in.RevisionID, "The revision is published to data grants. It can be revoked.")
	}
	d, r, err = s.changeRevision(ctx, in.DataSetID, in.RevisionID, &catalog.UpdateRevision{Comment: in.Comment, Finalized: in.Finalized})
	if err != nil {
		return nil, err
	}
	return untagged(d, r), nil
}

// deleteRevision serves DeleteRevision.
func (s *actions) deleteRevision(ctx context.Context, in *wire.DeleteRevisionRequest) error {
	_, _, err := s.changeRevision(ctx, in.DataSetID, in.RevisionID, &catalog.Delete{})
	return err
}

// revokeRevision serves RevokeRevision.
func (s *actions) revokeRevision(ctx context.Context, in *wire.RevokeRevisionRequest) (*wire.RevokeRevisionResponse, error) {
	d, r, err := s.changeRevision(ctx, in.DataSetID, in.RevisionID, &catalog.Revoke{Comment: in.RevocationComment})
	if err != nil {
		return nil, err
	}
	return (*wire.RevokeRevisionResponse)(untagged(d, r)), nil
}

// listDataSetRevisions serves ListDataSetRevisions: the newest first.
func (s *actions) listDataSetRevisions(ctx context.Context, in *wire.ListDataSetRevisionsRequest) (*wire.ListDataSetRevisionsResponse, error) {
	d, err := s.dataSet(ctx, in.DataSetID)
	if err != nil {
		return nil, err
	}
	p := s.pages(ctx, "revisions", in.DataSetID)
	shown := list[wire.RevisionEntry]{d.world, catalog.KindRevision, catalog.ByDataSet, d.ID, func(run *engine.RunView) (*wire.RevisionEntry, error) {
		r, whole, err := catalog.ReadRevision(run)
		if err != nil {
			return nil, err
		}
		if r = d.revision(r); !whole {
			if r, err = d.describe(ctx, r.ID); err != nil {
				return nil, err
			}
		}
		e := untagged(d, r)
		return &wire.RevisionEntry{
			ARN: *e.ARN, Comment: e.Comment, CreatedAt: *e.CreatedAt, DataSetID: r.DataSet, Finalized: e.Finalized, ID: r.ID,
			RevocationComment: e.RevocationComment, Revoked: e.Revoked, RevokedAt: e.RevokedAt, SourceID: e.SourceID, UpdatedAt: *e.UpdatedAt,
		}, nil
	}}
	if d.grant != nil {
		at := d.published()
		shown.world, shown.family, shown.of = at.World, at.Family, at.Value
	}
	revisions, next, err := listRuns(ctx, p, in.MaxResults, in.NextToken, shown)
	if err != nil {
		return nil, err
	}
	return &wire.ListDataSetRevisionsResponse{Revisions: revisions, NextToken: next}, nil
}
