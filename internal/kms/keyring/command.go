package keyring

// Bodies of commands. Names, ids, tags and policies must be as the API has them. All fail
// with *Error. Those about a key reply with the *Key as it became, but where it says
// something else.
type (
	// CreateKey makes a key. ID, Description, Policy and Tags of New count.
	CreateKey struct {
		New      Key
		Material NewMaterial
	}
	// Update changes what is not nil.
	Update struct {
		Key                 string
		Description, Policy *string
	}
	SetEnabled struct {
		Key     string
		Enabled bool
	}
	// ScheduleDeletion has a key deleted in some days, with all its material.
	ScheduleDeletion struct {
		Key  string
		Days int
	}
	CancelDeletion struct{ Key string }
	TagKey         struct {
		Key  string
		Tags []Tag
	}
	UntagKey struct {
		Key  string
		Keys []string
	}
	// SetRotation has a key get new material every so many days; zero: not any more.
	SetRotation struct {
		Key  string
		Days int
	}
	// Rotate gives a key new material. Due is the offer that has asked for it; zero: a
	// user has. For an offer that is no more it does nothing, and replies with nil.
	Rotate struct {
		Key      string // unless Due says
		Due      int64
		Material NewMaterial
	}

	// PutAlias makes an alias, or with Move gives it another key.
	PutAlias struct {
		Name, Key string
		Move      bool
	}
	DeleteAlias struct{ Name string }

	// CreateGrant replies with the *Grant: a new one, or with a name the one that is there
	// and says the same.
	CreateGrant struct {
		Key string
		New Grant
	}
	DeleteGrant struct{ Key, ID string }
)

// NewMaterial is material for a key.
type NewMaterial struct {
	ID     MaterialID
	Sealed []byte
}

// Bodies of commands that change nothing.
type (
	// Find replies with a Found: a key by its id, or by an alias.
	Find struct{ Key, Alias string }

	// FindDue replies with the id of the key that an offer is about; empty: it is no more.
	FindDue struct{ Due int64 }

	// ListKeys replies with a Page of keys' ids.
	ListKeys struct {
		After string
		Limit int
	}
	// ListAliases replies with a Page of *Alias: all, or those of a key.
	ListAliases struct {
		Key   string
		After string
		Limit int
	}
	// ListRetirable replies with a Page of GrantOf that a principal may retire.
	ListRetirable struct {
		Principal string
		After     [2]string // key and grant
		Limit     int
	}
)

// Found is what a name stands for; nil: nothing.
type Found struct {
	Key   *Key
	Alias *Alias
}

// Page is a part of a list, in order.
type Page[T any] struct {
	Items []T
	More  bool
}

// GrantOf is a grant with the id of its key.
type GrantOf struct {
	Key   string
	Grant *Grant
}
