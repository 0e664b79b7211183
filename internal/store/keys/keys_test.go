package keys

import "testing"

// TestKindsDiffer: no letter stands for two kinds.
func TestKindsDiffer(t *testing.T) {
	seen := map[byte]bool{}
	for _, kind := range []byte{
		OpenRun, ClosedRun, History, Note, Snapshot, Forget, Outgoing, Sent, Applied, Parked, Name, Blob, Notification,
	} {
		if seen[kind] {
			t.Errorf("two kinds have the letter %q", kind)
		}
		seen[kind] = true
	}
}

// TestHashesDiffer: whatever part differs, and whatever a hash is for, no two meet.
func TestHashesDiffer(t *testing.T) {
	h, other := Hash{1}, Hash{2}
	seen := map[[HashSize]byte]string{}
	for what, hash := range map[string][HashSize]byte{
		"index":            h.Index("kind", "account", "region", "value"),
		"another kind":     h.Index("kin", "account", "region", "value"),
		"another account":  h.Index("kind", "accoun", "region", "value"),
		"another region":   h.Index("kind", "account", "regio", "value"),
		"another value":    h.Index("kind", "account", "region", "valu"),
		"parts run over":   h.Index("kinda", "ccount", "region", "value"),
		"another key":      other.Index("kind", "account", "region", "value"),
		"a name":           h.Name("kind", "account", "region", "value"),
		"name of another":  h.Name("kind", "account", "region", "valu"),
		"name in a region": h.Name("kind", "account", "regio", "value"),
		"name of a kind":   h.Name("kin", "account", "region", "value"),
		"name of account":  h.Name("kind", "accoun", "region", "value"),
		"where it goes to": h.Sum("route", "kind", "account", "region", "value"),
	} {
		if before, met := seen[hash]; met {
			t.Errorf("%q and %q have one hash", what, before)
		}
		seen[hash] = what
	}
}
