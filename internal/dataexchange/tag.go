package dataexchange

import (
	"context"
	"maps"
	"slices"

	"heddle/internal/aws/operation"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
)

func (s *actions) tagRows() []operation.Operation {
	return []operation.Operation{
		silent(s, "TagResource", s.tagResource, largeBody),
		silent(s, "UntagResource", s.untagResource),
		row(s, "ListTagsForResource", s.listTagsForResource),
	}
}

// tagResource serves TagResource.
func (s *actions) tagResource(ctx context.Context, in *wire.TagResourceRequest) error {
	return s.changeTags(ctx, in.ResourceARN, &catalog.Tag{Tags: tagsOf(in.Tags)})
}

// untagResource serves UntagResource.
func (s *actions) untagResource(ctx context.Context, in *wire.UntagResourceRequest) error {
	return s.changeTags(ctx, in.ResourceARN, &catalog.Untag{Keys: in.TagKeys})
}

// listTagsForResource serves ListTagsForResource.
func (s *actions) listTagsForResource(ctx context.Context, in *wire.ListTagsForResourceRequest) (*wire.ListTagsForResourceResponse, error) {
	n, err := s.tagged(ctx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	tags, err := s.tags(ctx, n)
	if err != nil {
		return nil, err
	}
	out := &wire.ListTagsForResourceResponse{Tags: map[string]string{}}
	for _, t := range tags {
		out.Tags[t.Key] = t.Value
	}
	return out, nil
}

// tagged gives what an ARN names that may have tags. Errors: ValidationException,
// ResourceNotFoundException.
func (s *actions) tagged(ctx context.Context, arn string) (resource.Name, error) {
	w := worldOf(ctx)
	n, ok := resource.Parse(arn)
	switch {
	case !ok:
		return n, invalid("%q is not the ARN of a resource of Data Exchange.", arn)
	case n.Type == resource.Job:
		return n, invalid("Jobs have no tags.")
	case n.Account == "":
		return n, invalid("Entitled data sets, and what is in them, have no tags.")
	case !n.In(w.Region, w.Account):
		return n, missing(kindOf[n.Type], n.ID)
	}
	return n, nil
}

// kindOf are the kinds of what may have tags.
var kindOf = map[resource.Type]engine.Kind{
	resource.DataSet: catalog.KindDataSet, resource.Revision: catalog.KindRevision, resource.Asset: kindAsset, resource.EventAction: catalog.KindAccount,
	resource.Grant: catalog.KindGrant,
}

func (s *actions) changeTags(ctx context.Context, arn string, change any) (err error) {
	n, err := s.tagged(ctx, arn)
	if err != nil {
		return err
	}
	switch n.Type {
	case resource.DataSet:
		if _, err = s.own(ctx, n.ID); err == nil {
			_, err = s.do(ctx, catalog.KindDataSet, n.ID, change)
		}
	case resource.Revision:
		_, _, err = s.changeRevision(ctx, n.DataSet, n.ID, change)
	case resource.Grant:
		_, err = s.do(ctx, catalog.KindGrant, n.ID, change)
	case resource.Asset:
		_, err = s.changeAsset(ctx, n.DataSet, n.Revision, &catalog.TagAsset{ID: n.ID, Change: change}, n.ID)
	case resource.EventAction:
		_, err = s.account(ctx, n.ID, &catalog.TagEventAction{ID: n.ID, Change: change})
	}
	return err
}

// tagsOf reads tags, by key.
func tagsOf(given map[string]string) []collection.Tag {
	var tags []collection.Tag
	for _, key := range slices.Sorted(maps.Keys(given)) {
		tags = append(tags, collection.Tag{Key: key, Value: given[key]})
	}
	return tags
}

// tagsShape writes them; none are absent.
func tagsShape(tags []collection.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}
