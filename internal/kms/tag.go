package kms

import (
	"slices"
	"strings"

	"heddle/internal/aws/policy"
	"heddle/internal/kms/keyring"
	"heddle/internal/kms/wire"
)

// saysTags gives what conditions may ask of tags that are set. Keys that differ in case
// alone are one key to them, and refused before anybody asks.
func (c *call) saysTags(tags []wire.Tag) (all []policy.Value, err error) {
	for i, t := range tags {
		if len(t.TagKey) >= 4 && strings.EqualFold(t.TagKey[:4], "aws:") {
			return nil, refusal(wire.CodeTagException, "Tag keys that begin with aws: are reserved.")
		}
		if slices.ContainsFunc(tags[:i], func(u wire.Tag) bool { return strings.EqualFold(u.TagKey, t.TagKey) }) {
			return nil, refusal(wire.CodeTagException, "Duplicate tag keys")
		}
		all = append(all,
			policy.Value{Key: "aws:TagKeys", Value: t.TagKey},
			policy.Value{Key: "aws:RequestTag/" + t.TagKey, Value: t.TagValue})
	}
	return all, nil
}

func tagsOf(tags []wire.Tag) (all []keyring.Tag) {
	for _, t := range tags {
		all = append(all, keyring.Tag{Key: t.TagKey, Value: t.TagValue})
	}
	return all
}

func aboutTags(c *call, in *wire.TagResourceRequest) error {
	facts, err := c.saysTags(in.Tags)
	if err != nil {
		return err
	}
	return c.aboutKey(in.KeyID, keysOnly, nil, facts...)
}

func aboutUntagged(c *call, in *wire.UntagResourceRequest) error {
	var facts []policy.Value
	for _, key := range in.TagKeys {
		facts = append(facts, policy.Value{Key: "aws:TagKeys", Value: key})
	}
	return c.aboutKey(in.KeyID, keysOnly, nil, facts...)
}

func tagResource(c *call, in *wire.TagResourceRequest) error {
	return c.changeKey(keyring.TagKey{Key: c.keyID(), Tags: tagsOf(in.Tags)})
}

func untagResource(c *call, in *wire.UntagResourceRequest) error {
	return c.changeKey(keyring.UntagKey{Key: c.keyID(), Keys: in.TagKeys})
}

func listResourceTags(c *call, in *wire.ListResourceTagsRequest) (*wire.ListResourceTagsResponse, error) {
	if err := c.key.found(); err != nil {
		return nil, err
	}
	p, err := c.page("ListResourceTags "+c.key.ID, in.Marker, in.Limit, 50, 50)
	if err != nil {
		return nil, err
	}
	var list keyring.Page[keyring.Tag]
	for _, t := range c.key.Tags {
		if t.Key <= p.after[0] {
			continue
		}
		if list.More = len(list.Items) == p.limit; list.More {
			break
		}
		list.Items = append(list.Items, t)
	}
	tags, next, err := shown(p, list, func(t keyring.Tag) (wire.Tag, [2]string) {
		return wire.Tag{TagKey: t.Key, TagValue: t.Value}, [2]string{t.Key}
	})
	return &wire.ListResourceTagsResponse{Tags: tags, NextMarker: next, Truncated: new(next != nil)}, err
}
