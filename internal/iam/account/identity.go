// Package account keeps who may use an account and what they may do: users,
// groups, roles, access keys, and the policies attached to them.
//
// Each account is one execution of kind "iam", begun by the first thing that is
// created in it and never closed; it belongs to no region. Reads are commands
// too, so they answer what is durable. An event says what has changed of a thing; the
// state is everything, since the log behind a snapshot is cut (engine.Traits).
//
// What the rules hand out (Entity, Policy) never changes; a change makes a new
// one. Secrets of access keys come to the rules sealed, and only the Directory
// opens them. The Directory answers who an access key belongs to and which
// policies count for it; every change goes through it, so what it remembers is
// never older than the last change that this process made.
//
// Left out: instance profiles, passwords and consoles, devices, certificates and
// federation. Names of one type of entity differ by more than their case.
package account

import (
	"cmp"
	"heddle/internal/aws/arn"
	"heddle/internal/engine"
	"heddle/internal/engine/collection"
)

// Kind is the kind of an account's execution. Its key is empty.
const Kind engine.Kind = "iam"

// Limits are what the rules hold users to. Sizes of policies are in characters
// that are no white space.
type Limits struct {
	UsersMax, GroupsMax, RolesMax, PoliciesMax int // in an account

	GroupsPerUserMax     int
	KeysPerUserMax       int
	AttachedPerEntityMax int
	VersionsPerPolicyMax int
	TagsMax              int

	UserInlineMax, GroupInlineMax, RoleInlineMax int // all inline policies of one together
	PolicyMax                                    int
	TrustMax                                     int
}

// DefaultLimits are the service's own.
func DefaultLimits() Limits {
	return Limits{
		UsersMax: 5000, GroupsMax: 300, RolesMax: 1000, PoliciesMax: 1500,
		GroupsPerUserMax: 10, KeysPerUserMax: 2, AttachedPerEntityMax: 10, VersionsPerPolicyMax: 5, TagsMax: 50,
		UserInlineMax: 2048, GroupInlineMax: 5120, RoleInlineMax: 10_240,
		PolicyMax: 6144, TrustMax: 2048,
	}
}

// inlineSpacedMax bounds the bytes of all inline policies of one entity with their white
// space, which the service's own limits don't count: as many as it takes of one policy.
const inlineSpacedMax = 131_072

// worldOf is where the identities of an owner are kept: each partition has its own, as
// if there were others elsewhere. In place of a region there is the partition, unless it
// is the first.
func worldOf(o arn.Owner) engine.World {
	w := engine.World{Account: o.Account, Region: o.Partition}
	if w.Region == arn.AWS {
		w.Region = ""
	}
	return w
}

// ownerIn is the opposite of worldOf.
func ownerIn(w engine.World) arn.Owner {
	return arn.Owner{Partition: cmp.Or(w.Region, arn.AWS), Account: w.Account}
}

// command addresses a command to the identities of an owner.
func command(o arn.Owner, body any) engine.Command {
	name := engine.Name{World: worldOf(o), Kind: Kind}
	makes := false
	switch body.(type) {
	case CreateEntity, CreatePolicy:
		makes = true
	}
	return collection.Command(name, body, makes)
}
