package sfn

import (
	"context"

	"heddle/internal/aws/operation"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/resource"
	"heddle/internal/sfn/wire"
)

func (s *actions) tagRows() []operation.Operation {
	return []operation.Operation{
		row(s, "TagResource", s.tagResource, tagsBody),
		row(s, "UntagResource", s.untagResource, tagsBody),
		row(s, "ListTagsForResource", s.listTagsForResource),
	}
}

// tagResource serves TagResource.
func (s *actions) tagResource(ctx context.Context, in *wire.TagResourceInput) (*wire.TagResourceOutput, error) {
	return &wire.TagResourceOutput{}, s.changeTags(ctx, in.ResourceARN, registry.Tag{Tags: tagsOf(in.Tags)})
}

// untagResource serves UntagResource.
func (s *actions) untagResource(ctx context.Context, in *wire.UntagResourceInput) (*wire.UntagResourceOutput, error) {
	return &wire.UntagResourceOutput{}, s.changeTags(ctx, in.ResourceARN, registry.Untag{Keys: in.TagKeys})
}

// listTagsForResource serves ListTagsForResource.
func (s *actions) listTagsForResource(ctx context.Context, in *wire.ListTagsForResourceInput) (*wire.ListTagsForResourceOutput, error) {
	n, _, err := s.tagged(ctx, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	found, err := tags(ctx, worldOf(ctx), n, s.findActivity, s.findMachine)
	out := &wire.ListTagsForResourceOutput{Tags: []wire.Tag{}}
	for _, t := range found {
		out.Tags = append(out.Tags, wire.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out, faultOf(err, n, noResource(in.ResourceARN))
}

// tagged gives what an ARN names that may have tags: an activity or a state machine, but
// no version or alias. Errors: InvalidArn, ResourceNotFound.
func (s *actions) tagged(ctx context.Context, arn string) (resource.Name, engine.Kind, error) {
	w := worldOf(ctx)
	n, err := resource.Parse(arn)
	switch {
	case err != nil:
		return n, "", refusal(wire.CodeInvalidArn, err.Error())
	case !n.In(w.Region, w.Account) || n.Qualifier != "" || n.Label != "":
	case n.Type == resource.Activity:
		return n, registry.KindActivity, nil
	case n.Type == resource.Machine:
		return n, registry.KindMachine, nil
	}
	return n, "", noResource(arn)
}

func (s *actions) changeTags(ctx context.Context, arn string, body any) error {
	n, kind, err := s.tagged(ctx, arn)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, registry.Command(worldOf(ctx), kind, n.Base, body))
	return faultOf(err, n, noResource(arn))
}

func tagsOf(given []wire.Tag) []collection.Tag {
	tags := make([]collection.Tag, len(given))
	for i, t := range given {
		tags[i] = collection.Tag{Key: text(t.Key), Value: text(t.Value)}
	}
	return tags
}
