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
	w, seed := worldOf(ctx), s.RootSeed()
	create := catalog.CreateRevision{DataSet: in.DataSetID, Comment: value(in.Comment), Tags: tagsOf(in.Tags)}
	owner, ok := catalog.Command(w, catalog.KindDataSet, in.DataSetID, &catalog.AddRevision{Seed: seed, Create: create})
	if !ok {
		return nil, missing(catalog.KindDataSet, in.DataSetID)
	}
	reply, err := s.create(ctx, owner, catalog.CreateCommand(w, catalog.KindRevision, seed, &create))
	if err != nil {
		return nil, faultOf(err, catalog.KindDataSet, in.DataSetID)
	}
	return revisionShape(w, reply.(*catalog.Revision)), nil
}

func revisionShape(w engine.World, r *catalog.Revision) *wire.CreateRevisionResponse {
	return &wire.CreateRevisionResponse{
		ARN: new(name(w, resource.Revision, r.ID, r.DataSet)), Comment: present(r.Comment), CreatedAt: moment(r.Created), DataSetID: &r.DataSet,
		Finalized: &r.Finalized, ID: &r.ID, RevocationComment: present(r.RevokedComment), Revoked: new(r.RevokedAt != 0), RevokedAt: moment(r.RevokedAt),
		Tags: tagsShape(r.Tags), UpdatedAt: moment(r.Updated),
	}
}

// untagged is a revision as all answers but Create and Get have it.
func untagged(w engine.World, r *catalog.Revision) *wire.UpdateRevisionResponse {
	full := revisionShape(w, r)
	return &wire.UpdateRevisionResponse{
		ARN: full.ARN, Comment: full.Comment, CreatedAt: full.CreatedAt, DataSetID: full.DataSetID, Finalized: full.Finalized, ID: full.ID,
		RevocationComment: full.RevocationComment, Revoked: full.Revoked, RevokedAt: full.RevokedAt, UpdatedAt: full.UpdatedAt,
	}
}

// revision finds a revision of a data set. Errors: ResourceNotFoundException.
func (s *actions) revision(ctx context.Context, set, id string) (*catalog.Revision, error) {
	return s.changeRevision(ctx, set, id, &catalog.Describe{})
}

// changeRevision gives a command to a revision of a data set. Errors:
// ResourceNotFoundException, ConflictException, ValidationException.
func (s *actions) changeRevision(ctx context.Context, set, id string, body any) (*catalog.Revision, error) {
	if _, err := s.dataSet(ctx, set); err != nil {
		return nil, err
	}
	reply, err := s.do(ctx, catalog.KindRevision, id, &catalog.Describe{})
	if err != nil {
		return nil, err
	}
	if reply.(*catalog.Revision).DataSet != set {
		return nil, missing(catalog.KindRevision, id)
	}
	if _, reads := body.(*catalog.Describe); !reads {
		if reply, err = s.do(ctx, catalog.KindRevision, id, body); err != nil {
			return nil, err
		}
	}
	r, _ := reply.(*catalog.Revision)
	return r, nil
}

// getRevision serves GetRevision.
func (s *actions) getRevision(ctx context.Context, in *wire.GetRevisionRequest) (*wire.GetRevisionResponse, error) {
	r, err := s.revision(ctx, in.DataSetID, in.RevisionID)
	if err != nil {
		return nil, err
	}
	return (*wire.GetRevisionResponse)(revisionShape(worldOf(ctx), r)), nil
}

// updateRevision serves UpdateRevision. What it publishes goes on by itself.
func (s *actions) updateRevision(ctx context.Context, in *wire.UpdateRevisionRequest) (*wire.UpdateRevisionResponse, error) {
	if err := checkComment(in.Comment); err != nil {
		return nil, err
	}
	r, err := s.revision(ctx, in.DataSetID, in.RevisionID)
	if err != nil {
		return nil, err
	}
	if value(in.Finalized) && !r.Finalized {
		busy, err := s.inProgress(ctx, &catalog.InProgress{DataSet: in.DataSetID, Revision: in.RevisionID})
		if err != nil {
			return nil, err
		}
		if busy {
			return nil, conflict(catalog.KindRevision, in.RevisionID, "A job that imports into the revision is in progress.")
		}
	}
	r, err = s.changeRevision(ctx, in.DataSetID, in.RevisionID, &catalog.UpdateRevision{Comment: in.Comment, Finalized: in.Finalized})
	if err != nil {
		return nil, err
	}
	return untagged(worldOf(ctx), r), nil
}

// deleteRevision serves DeleteRevision.
func (s *actions) deleteRevision(ctx context.Context, in *wire.DeleteRevisionRequest) error {
	_, err := s.changeRevision(ctx, in.DataSetID, in.RevisionID, &catalog.Delete{})
	return err
}

// revokeRevision serves RevokeRevision.
func (s *actions) revokeRevision(ctx context.Context, in *wire.RevokeRevisionRequest) (*wire.RevokeRevisionResponse, error) {
	r, err := s.changeRevision(ctx, in.DataSetID, in.RevisionID, &catalog.Revoke{Comment: in.RevocationComment})
	if err != nil {
		return nil, err
	}
	return (*wire.RevokeRevisionResponse)(untagged(worldOf(ctx), r)), nil
}

// listDataSetRevisions serves ListDataSetRevisions.
func (s *actions) listDataSetRevisions(ctx context.Context, in *wire.ListDataSetRevisionsRequest) (*wire.ListDataSetRevisionsResponse, error) {
	if _, err := s.dataSet(ctx, in.DataSetID); err != nil {
		return nil, err
	}
	w, p := worldOf(ctx), s.pages(ctx, "revisions", in.DataSetID)
	revisions, next, err := listRuns(ctx, p, catalog.KindRevision, catalog.ByDataSet, in.DataSetID, in.MaxResults, in.NextToken, func(run *engine.RunView) (*wire.RevisionEntry, error) {
		r, whole, err := catalog.ReadRevision(run)
		if err == nil && !whole {
			r, err = s.revision(ctx, r.DataSet, r.ID)
		}
		if err != nil {
			return nil, err
		}
		e := untagged(w, r)
		return &wire.RevisionEntry{
			ARN: *e.ARN, Comment: e.Comment, CreatedAt: *e.CreatedAt, DataSetID: r.DataSet, Finalized: e.Finalized, ID: r.ID,
			RevocationComment: e.RevocationComment, Revoked: e.Revoked, RevokedAt: e.RevokedAt, UpdatedAt: *e.UpdatedAt,
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return &wire.ListDataSetRevisionsResponse{Revisions: revisions, NextToken: next}, nil
}
