package account

import "heddle/internal/engine"

// Bodies of commands. Names, paths, tags and ids must be as the API has them;
// policies are read here. All fail with *Error. Those of entities reply with the
// Entity as it became, those of policies with the Policy.
type (
	// CreateEntity makes a user, group or role. What comes with it stands in New;
	// CreatedAt, Inline, Attached, Groups and Keys do not.
	CreateEntity struct{ New Entity }

	// UpdateEntity changes what is not nil. NewName and NewPath are for users and
	// groups, the rest for roles.
	UpdateEntity struct {
		Of                Ref
		NewName           *string
		NewPath           *string
		Trust             *string
		Description       *string
		SessionSecondsMax *int
	}

	// DeleteEntity takes an entity away that has nothing left. It replies with it.
	DeleteEntity struct{ Of Ref }

	// PutInline adds an inline policy or replaces the one of its name.
	PutInline struct {
		Of Ref
		Inline
	}
	DeleteInline struct {
		Of   Ref
		Name string
	}
	Attach struct {
		Of     Ref
		Policy string // ARN
	}
	Detach struct {
		Of     Ref
		Policy string // ARN
	}
	// SetBoundary bounds a user or role by a policy; empty: not any more.
	SetBoundary struct {
		Of     Ref
		Policy string // ARN
	}
	TagEntity struct {
		Of   Ref
		Tags []Tag
	}
	UntagEntity struct {
		Of   Ref
		Keys []string
	}

	// Join puts a user into a group; Leave takes the user out of it.
	Join  struct{ User, Group string }
	Leave struct{ User, Group string }

	// CreateKey gives a user an access key. The id must be new.
	CreateKey struct {
		User   string
		ID     string
		Sealed []byte
	}
	UpdateKey struct {
		User, ID string
		Inactive bool
	}
	DeleteKey struct{ User, ID string }

	// CreatePolicy makes a managed policy of one version. What comes with it stands
	// in New; its times and Versions do not.
	CreatePolicy struct {
		New      Policy
		Document string
	}
	CreateVersion struct {
		Policy   string // ARN
		Document string
		Default  bool
	}
	SetDefaultVersion struct {
		Policy string // ARN
		Number int
	}
	DeleteVersion struct {
		Policy string // ARN
		Number int
	}
	DeletePolicy struct{ Policy string } // ARN
	TagPolicy    struct {
		Policy string // ARN
		Tags   []Tag
	}
	UntagPolicy struct {
		Policy string // ARN
		Keys   []string
	}
)

// Bodies of commands that change nothing. Lists have of each what lists show.
type (
	// GetEntity replies with an *Entity.
	GetEntity struct{ Of Ref }

	// ListEntities replies with []*Entity of a type, in order of name.
	ListEntities struct{ Type EntityType }

	// ListGroups replies with the []*Entity that are a user's groups; ListMembers
	// with those that are a group's users.
	ListGroups  struct{ User string }
	ListMembers struct{ Group string }

	// GetPolicy replies with a PolicyUse.
	GetPolicy struct{ Policy string } // ARN

	// ListPolicies replies with []PolicyUse, the customer's first.
	ListPolicies struct{}

	// ListHolders replies with the []*Entity that a policy is attached to or, if
	// Boundary, that it bounds.
	ListHolders struct {
		Policy   string // ARN
		Boundary bool
	}

	// Resolve replies with Grants: of the owner of an access key, or else of the
	// entity with an id, or else of the one with a name. Others must be there too, by
	// their ids. Further are ARNs of policies to be given as well.
	Resolve struct {
		Key     string
		ID      string
		Of      Ref
		Others  []string
		Further []string
	}

	// Summarize replies with a Summary.
	Summarize struct{}

	// BindPrincipals replies with the Bounds of names of principals: what a
	// policy of a resource is to have in their place, so that it means who is meant now,
	// whatever they are called later. NamePrincipals is the opposite, and replies with
	// []string; an id that is nobody's any more stays.
	BindPrincipals struct{ Names []string }
	NamePrincipals struct{ IDs []string }
)

// Bound is what a principal is bound to: the id of a user or role, one's session with the
// id of its role, all else itself.
type Bound struct {
	ID    string
	There bool // it names nobody who is not there
}

// Bounds are those of names, in their order.
type Bounds []Bound

// PolicyUse is a managed policy and how much it is used.
type PolicyUse struct {
	*Policy
	Attachments int
	Boundaries  int
}

// Grants are an entity and everything that says what it may do.
type Grants struct {
	Entity   *Entity
	Groups   []*Entity
	Policies map[string]*Policy // by ARN; one that is not there does not exist

	known *callers `wire:"-"` // know policies that were read before; may be nil
}

// Summary counts what an account has.
type Summary struct {
	Users, Groups, Roles, Policies int
	PolicyVersions                 int
	Limits                         Limits
}

// reads tells whether a command changes nothing.
func reads(body any) bool {
	switch body.(type) {
	case GetEntity, ListEntities, ListGroups, ListMembers, GetPolicy, ListPolicies, ListHolders, Resolve, Summarize, BindPrincipals, NamePrincipals, engine.Peek:
		return true
	}
	return false
}
