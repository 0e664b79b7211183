package keys

import (
	"encoding/hex"
	"fmt"
	"testing"
)

// TestExamples makes the keys that docs/STORAGE.md shows.
func TestExamples(t *testing.T) {
	const (
		run  = "003b0102030405060708090a0b0c0d0e"
		blob = "4352b26e33fe0d769a8922a6ba29004109f01688e26acc9e6cb347e5a5afc4da"
	)
	var hash Hash
	var id [RunSize]byte
	var blobID [BlobSize]byte
	unhex(t, id[:], run)
	unhex(t, blobID[:], blob)
	name := hash.Name("swf", "123456789012", "us-east-1", "orders\x00wf")
	domain := hash.Index("swf", "123456789012", "us-east-1", "orders")
	for _, test := range []struct {
		got  []byte
		want string
	}{
		{AppendRun(nil, OpenRun, id), "6f" + run},
		{AppendRun(nil, ClosedRun, id), "63" + run},
		{AppendHistory(nil, id, 4), "68" + run + "0000000000000004"},
		{AppendNote(nil, id, 5, 3), "6e" + run + "0000000000000005" + "03"},
		{AppendSnapshot(nil, id, 1, 0), "73" + run + "01" + "00000000"},
		{AppendForget(nil, 1500604802100, id), "78" + "0000015d63042434" + run},
		{AppendOutgoing(nil, 52, 1), "71" + "0034" + "0000000000000001"},
		{AppendShard(nil, Sent, 52), "75" + "0034"},
		{AppendShard(nil, Applied, 8), "69" + "0008"},
		{AppendName(nil, name), "77" + "f3f3a4b4b8662360fd2011f466bc70ea"},
		{AppendNotification(nil, 7), "65" + "0000000000000007"},
		{AppendBlob(nil, id, blobID), "62" + run + blob},
		{AppendIndex(nil, 0x11, domain, 1500000001000, id), "11" + "cb5de903e404e94cb670efe0d3b38679" + "0000015d3ef79be8" + run},
		{AppendBlobIndex(nil, blobID, id), "62" + blob + run},
	} {
		if got := fmt.Sprintf("%x", test.got); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
	if shard := hash.Shard(64, "route", "swf", "123456789012", "us-east-1", "orders\x00wf"); shard != 59 {
		t.Errorf("the name goes to shard %d, want 59", shard)
	}
}

func unhex(t *testing.T, b []byte, text string) {
	t.Helper()
	if n, err := hex.Decode(b, []byte(text)); err != nil || n != len(b) {
		t.Fatal(n, err)
	}
}

// TestKindsDiffer: no letter stands for two kinds.
func TestKindsDiffer(t *testing.T) {
	seen := map[byte]bool{}
	for _, kind := range []byte{
		OpenRun, ClosedRun, History, Note, Snapshot, Forget, Outgoing, Sent, Applied, Parked, Name, Blob, Notification, Told,
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
