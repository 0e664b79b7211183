package account

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/test/golden"
)

// TestStoredBytesStay compares every event and the last state of all stories with the
// bytes that stores have of them. The file may grow; what is in it is never changed.
func TestStoredBytesStay(t *testing.T) {
	var told strings.Builder
	marks := map[byte]bool{}
	for file, text := range golden.Files(t, "testdata/*.txt") {
		s := newStory(t)
		golden.Lines(text, s.do)
		if filepath.Base(file) == "users.txt" {
			s.doRare()
		}
		fmt.Fprintln(&told, filepath.Base(file))
		for _, e := range s.Log {
			fmt.Fprintf(&told, "  event %x\n", e.Public)
			marks[e.Public[0]] = true
		}
		fmt.Fprintf(&told, "  state %x\n", s.Rules.EncodeState(s.State))
	}
	for mark := byte(1); mark <= 18; mark++ {
		if !marks[mark] {
			t.Errorf("no story has an event of mark %d", mark)
		}
	}
	golden.Compare(t, "testdata/stored.hex", told.String())
}

// doRare gives commands with fields that no story has.
func (s *story) doRare() {
	s.t.Helper()
	seconds, trust, description := 7200, documents["trust2"], "what it is for"
	role := Ref{Role, "rare"}
	for _, body := range []any{
		CreateEntity{Entity{Ref: role, Path: "/r/", ID: "AROARARE", Trust: documents["trust"], Description: "d", SessionSecondsMax: 3600, Tags: []Tag{{Key: "b", Value: "2"}, {Key: "a", Value: ""}}}},
		UpdateEntity{Of: role, Trust: &trust, Description: &description, SessionSecondsMax: &seconds},
		CreatePolicy{Policy{Name: "rare", Path: "/p/", ID: "ANPARARE", Description: "d", Tags: []Tag{{Key: "k", Value: "v"}}}, documents["allow"]},
	} {
		if _, err := s.Handle(s.now, body); err != nil {
			s.t.Fatalf("%T: %v", body, err)
		}
	}
}

// TestSessionsStayOpen opens a token that was made by an earlier server, but none that
// does not say what its session rests on.
func TestSessionsStayOpen(t *testing.T) {
	const (
		token  = "h4SS8XB-4qIxP4C29NSsgWudZ30WPuGOpI5Z1iFSuIpc1JN72J7j1KgTQ7m7wntDh4kZzXmSa2Rbsjw50SBeHWcJ1DrgKYEYK50QppxFH5BUytQNZs9HjdaOaQ8rflnKQ3aLW5mX-uHyLNK4CE-pN03EQvO1ogPv5rIEiAhcQ0_s_i70ddcShWC6mMT9uHzbnMwCks0JQbCiuuN-1wtbKXDp8X17AyVHRUKwrl5rqIuyj20yD8JX5V-IZGFeDGmDfTNVig016IMrgV48FEKraQngA5gkBFe64p1ZEJ312wKgmbr7o1QzG9pYcccxUnrnp9XdVQADKDkI"
		across = "h8sPTLh1YBSsyOxuuB6M0ZXlUe53zTz34DT-LROgXI964WqUmLzoh0jwL1iu8q06LuRzRYek5s0ztKkJPlfEhqN_H9ZOAfPVD-XAhybPfgJQalaOEbZ4U-sEiUtnHmI7zWLzgoIom0vBxsspIxGfV6iFJn7GFcTENjSTiin5yUeipZKtKk_e-fI1eJEeEuApTCgO70_NSSy89LtliuGxg3ik3i93Co0OASzexwbwOIFu8N1PXorQP8NMba-D_fT6irSoivKvaMY06HdKzeG5YYOwyapwkvSytKigRoct0Z5M6YdmBatCVgK1E40N_IojL9slOifq5Twx7EjiGsTLMboSUByoqKqbbLY76MBD0WLwlsUuDirxnu-UVisbKxAl8y0rt7tGthg"
		first  = "hbfbW9Hn6lw00t7VlKn4SpkT-QYZ_T3vynAbft_frBvBJmfRUEiHuOyJgbvHcLZ6EDRUIa91PIEF1-4Ay9yxtpAGnTkvdo4OCXyDmfP0-DOdw9TUcL-KgJP-nvmWoCP8n5s9B8hRqbbaeV93MmZnf6UV-8u12UAtflzcG4cDcjrXchkGFJAePocMflIqr3MLctC_iPdcEFTYFPtVKATGb4MDuUAh8kOJYk9aGE8A4h6VTYXk2jcfO5VAbRIguVMHWybh7YzeeABhPS3NlYRQSW25eZcO4QArsNSGn"
	)
	sealer := NewSealer(SealerKeys{Sessions: [32]byte{7}})
	s, err := sealer.openSession("ASIAKEY", token)
	if err != nil {
		t.Fatal(err)
	}
	if want := storedSession(); !reflect.DeepEqual(s, want) {
		t.Errorf("got %+v, want %+v", s, want)
	}
	s, err = sealer.openSession("ASIAKEY", across)
	if err != nil {
		t.Fatal(err)
	}
	want := storedSession()
	want.From.Account, want.From.Through = far, append(want.From.Through, Bearer{far, "AROAFAR"})
	if !reflect.DeepEqual(s, want) {
		t.Errorf("of several accounts: got %+v, want %+v", s, want)
	}
	if s, err := sealer.openSession("ASIAKEY", first); err == nil {
		t.Errorf("a token of version 1: %+v", s)
	}
}

func storedSession() *Session {
	return &Session{
		KeyPair: credentials.KeyPair{KeyID: "ASIAKEY", Secret: "secret"}, Account: storyAccount, Of: Ref{Role, "deployer"},
		ID: "AROAID", Name: "session", Issued: time.Unix(1_700_000_000, 0).UTC(), Expires: time.Unix(1_700_003_600, 0).UTC(),
		Limited: true, Policy: documents["allow"], Policies: []NamedPolicy{{"arn:aws:iam::aws:policy/IAMFullAccess", "ANPAID"}}, Tags: []Tag{{Key: "k", Value: "v"}},
		From: Origin{Account: storyAccount, Key: "AKIAKEY", Proof: []byte("proof"), Through: []Bearer{{storyAccount, "AIDAID"}}},
	}
}
