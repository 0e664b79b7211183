package audit

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// Call is a call that was answered.
type Call struct {
	Kind         Kind
	Kept         bool      // Trail.Keep took room for its record
	Time         time.Time // when it came
	Service      string    // as in "swf.amazonaws.com", without the domain
	Action       string
	ReadOnly     bool
	DataEvent    bool // not a management event
	Identity     Identity
	Account      string // to which the call went
	Region       string
	SourceIP     string
	UserAgent    string
	ErrorCode    string // empty: it succeeded
	ErrorMessage string
	Request      Shown
	Response     Shown
	RequestID    string
	SharedID     [16]byte // of the records of one call in the trails of two accounts; zero: this is the only one
	Resources    []Resource
	TLS          TLS
}

// Shown is a JSON value of which only that is left which may be recorded; empty:
// nothing. Members.Show makes it.
type Shown []byte

// Identity is whose call it was. Fields that are not known are empty.
type Identity struct {
	Type        string // Root, IAMUser, AssumedRole, Unknown; AWSAccount: somebody of another account
	PrincipalID string
	ARN         string
	Account     string
	AccessKey   string
	UserName    string
	Session     Session
}

// principal is whose policies counted: of a session those of its role. Empty: nobody
// known.
func (i *Identity) principal() string {
	if i.Session.Issuer.ARN != "" {
		return i.Session.Issuer.ARN
	}
	return i.ARN
}

// spender is who fills room, a session as its role: by id, since names change, and who may
// change his own would have the part of another each time. All of another account are one.
func (i *Identity) spender() string {
	if i.Type == OfAccount {
		return i.Account
	}
	if id, _, _ := strings.Cut(i.PrincipalID, ":"); id != "" {
		return id
	}
	return i.principal()
}

// OfAccount is the type of an identity in the trail of another account, which has no names
// for it.
const OfAccount = "AWSAccount"

// Session is about temporary credentials.
type Session struct {
	Created time.Time // zero: there are none
	Issuer  Issuer    // zero: the caller's own
}

// Issuer is the role that was assumed.
type Issuer struct {
	Type        string // Role
	PrincipalID string
	ARN         string
	Account     string
	UserName    string
}

// Resource is what a call was about.
type Resource struct{ ARN, Account, Type string }

// TLS is how the connection is secured; zero: it is not.
type TLS struct{ Version, Cipher, Host string }

const (
	eventVersion = "1.11"
	hidden       = "HIDDEN_DUE_TO_SECURITY_REASONS"

	// textMax bounds what callers and messages say of themselves, in bytes.
	textMax = 1 << 10
	// shownMax bounds what is shown of a request or an answer, as CloudTrail does.
	shownMax = 100 << 10
	// refusedShownMax bounds it for those whose flood must not fill the trail.
	refusedShownMax = 4 << 10
)

// append appends the record as a line; data: free-form data of users is shown.
func (c *Call) append(b []byte, id [16]byte, node string, data bool) []byte {
	w := jx.Writer{Buf: b}
	w.RawStr(`{"eventVersion":"` + eventVersion + `","userIdentity":`)
	c.Identity.write(&w)
	w.RawStr(`,"eventTime":"`)
	w.Buf = c.Time.UTC().AppendFormat(w.Buf, time.RFC3339)
	w.RawStr(`","eventSource":"`)
	w.RawStr(c.Service)
	w.RawStr(`.amazonaws.com"`)
	text(&w, `,"eventName":`, c.Action)
	text(&w, `,"awsRegion":`, c.Region)
	text(&w, `,"sourceIPAddress":`, c.SourceIP)
	text(&w, `,"userAgent":`, c.UserAgent)
	present(&w, `,"errorCode":`, c.ErrorCode)
	present(&w, `,"errorMessage":`, message(c.ErrorMessage, data))
	most := shownMaxOf(c.Kind)
	shown(&w, `,"requestParameters":`, c.Request, most)
	shown(&w, `,"responseElements":`, c.Response, most)
	text(&w, `,"requestID":`, c.RequestID)
	writeID(&w, eventID, id)
	w.RawStr(`,"readOnly":`)
	w.Bool(c.ReadOnly)
	c.writeResources(&w)
	w.RawStr(`,"eventType":"AwsApiCall"`)
	if c.DataEvent {
		w.RawStr(`,"managementEvent":false,"eventCategory":"Data"`)
	} else {
		w.RawStr(`,"managementEvent":true,"eventCategory":"Management"`)
	}
	text(&w, `,"recipientAccountId":`, c.Account)
	if node != "" {
		text(&w, `,"additionalEventData":{"node":`, node)
		w.ObjEnd()
	}
	if c.SharedID != [16]byte{} {
		writeID(&w, `,"sharedEventID":"`, c.SharedID)
	}
	if c.TLS.Version != "" {
		text(&w, `,"tlsDetails":{"tlsVersion":`, c.TLS.Version)
		text(&w, `,"cipherSuite":`, c.TLS.Cipher)
		text(&w, `,"clientProvidedHostHeader":`, c.TLS.Host)
		w.ObjEnd()
	}
	w.RawStr("}\n")
	return w.Buf
}

// The words around a value that a message quotes, as package shape has them.
const (
	valueBegins  = "Value "
	nextValue    = "; " + valueBegins
	valueFailed  = "' failed to satisfy constraint: "
	valueInvalid = "' is invalid: "
	valueAt      = "' at '"
	// valuesMax is how many of the values a message lists that it counts.
	valuesMax = 100
)

// message hides the values that a message about broken constraints quotes. Which
// members broke which constraints stays.
func message(s string, data bool) string {
	begin := strings.Index(s, valueBegins+"'")
	if data || begin < 0 {
		return s
	}
	begin = strings.Index(s, valueBegins) // of one that is null, perhaps
	head, list := s[:begin+len(valueBegins)], s[begin+len(valueBegins):]
	counted, _, _ := strings.Cut(head, " ")
	n, err := strconv.Atoi(counted)
	if err != nil {
		return head + hideValue(list, valueInvalid)
	}
	// A value may have the words in it that part values. Then only what follows the
	// last of them is ours for certain.
	values := strings.Split(list, nextValue)
	if len(values) != min(n, valuesMax) {
		return head + hideValue(list, valueFailed)
	}
	for i, v := range values {
		if strings.HasPrefix(v, "'") {
			values[i] = hideValue(v, valueFailed)
		}
	}
	return head + strings.Join(values, nextValue)
}

// hideValue hides all before the last place of which a message says what is wrong with
// it.
func hideValue(s, wrong string) string {
	if end := strings.LastIndex(s, wrong); end >= 0 {
		if at := strings.LastIndex(s[:end], valueAt); at >= 0 {
			return "'" + hidden + s[at:]
		}
	}
	return hidden
}

func (i *Identity) write(w *jx.Writer) {
	text(w, `{"type":`, i.Type)
	present(w, `,"principalId":`, i.PrincipalID)
	present(w, `,"arn":`, i.ARN)
	present(w, `,"accountId":`, i.Account)
	present(w, `,"accessKeyId":`, i.AccessKey)
	present(w, `,"userName":`, i.UserName)
	if s := &i.Session; !s.Created.IsZero() {
		w.RawStr(`,"sessionContext":{`)
		if s.Issuer.Type != "" {
			text(w, `"sessionIssuer":{"type":`, s.Issuer.Type)
			text(w, `,"principalId":`, s.Issuer.PrincipalID)
			text(w, `,"arn":`, s.Issuer.ARN)
			text(w, `,"accountId":`, s.Issuer.Account)
			text(w, `,"userName":`, s.Issuer.UserName)
			w.RawStr(`},`)
		}
		w.RawStr(`"attributes":{"creationDate":"`)
		w.Buf = s.Created.UTC().AppendFormat(w.Buf, time.RFC3339)
		w.RawStr(`","mfaAuthenticated":"false"}}`)
	}
	w.ObjEnd()
}

func (c *Call) writeResources(w *jx.Writer) {
	for i, r := range c.Resources {
		before := `,{"ARN":`
		if i == 0 {
			before = `,"resources":[{"ARN":`
		}
		text(w, before, r.ARN)
		present(w, `,"accountId":`, r.Account)
		text(w, `,"type":`, r.Type)
		w.ObjEnd()
	}
	if len(c.Resources) > 0 {
		w.ArrEnd()
	}
}

// text writes a string that may come from a caller.
func text(w *jx.Writer, before, s string) {
	w.RawStr(before)
	if len(s) > textMax {
		s = s[:textMax]
	}
	if !utf8.ValidString(s) { // perhaps since it was cut
		s = strings.ToValidUTF8(s, "")
	}
	w.Str(s)
}

func present(w *jx.Writer, before, s string) {
	if s != "" {
		text(w, before, s)
	}
}

func shownMaxOf(k Kind) int {
	if k == Refused {
		return refusedShownMax
	}
	return shownMax
}

func shown(w *jx.Writer, before string, v Shown, most int) {
	w.RawStr(before)
	switch {
	case len(v) == 0:
		w.Null()
	case len(v) > most:
		w.RawStr(`{"omitted":"it is too large"}`)
	default:
		w.Raw(v)
	}
}

const eventID = `,"eventID":"`

func writeID(w *jx.Writer, before string, id [16]byte) {
	id[6] = id[6]&0x0f | 0x40 // version 4: random
	id[8] = id[8]&0x3f | 0x80
	w.RawStr(before)
	for i, part := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			w.Buf = append(w.Buf, '-')
		}
		w.Buf = hex.AppendEncode(w.Buf, part)
	}
	w.RawStr(`"`)
}

// appendGap appends the record that stands for those that were lost.
func (t *Trail) appendGap(b []byte, lost int64) []byte {
	w := jx.Writer{Buf: b}
	t.beginNotice(&w, "AuditRecordsLost")
	w.RawStr(`{"records":`)
	w.Int64(lost)
	w.RawStr("}}\n")
	return w.Buf
}

// beginNotice begins a record of the trail's own, up to its details.
func (t *Trail) beginNotice(w *jx.Writer, name string) {
	w.RawStr(`{"eventVersion":"` + eventVersion + `","userIdentity":{"type":"AWSService","invokedBy":"heddle"},"eventTime":"`)
	w.Buf = t.Now().UTC().AppendFormat(w.Buf, time.RFC3339)
	text(w, `","eventSource":"heddle","eventName":`, name)
	text(w, `,"awsRegion":`, t.Region)
	w.RawStr(`,"sourceIPAddress":"heddle","userAgent":"heddle","requestParameters":null,"responseElements":null`)
	writeID(w, eventID, t.Random())
	w.RawStr(`,"readOnly":true,"eventType":"AwsServiceEvent","managementEvent":true,"eventCategory":"Management"`)
	text(w, `,"recipientAccountId":`, t.Account)
	w.RawStr(`,"serviceEventDetails":`)
}
