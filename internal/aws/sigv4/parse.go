package sigv4

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signedHeadersMax is how many headers a signature may cover.
const signedHeadersMax = 100

// presignedMax is how long a presigned URL may be good for.
const presignedMax = 7 * 24 * time.Hour

// fields are the parts of a signature, in either form.
type fields struct {
	algorithm, credential, signedHeaders, signature, date string
}

// Parse reads the signature of a request, in whichever form it has, from its head alone.
// The service in its scope must be one of services; nil: that is for For to say. The
// error is an *Error.
func Parse(r *http.Request, services []string) (*Signature, error) {
	query, ok := parseQuery(r.URL.RawQuery)
	if !ok {
		return nil, incomplete("The query string is malformed.")
	}
	s := &Signature{request: r, query: query, life: Skew}
	authorization := r.Header["Authorization"]
	var f fields
	var err error
	switch presigned := slices.ContainsFunc(query, ofSignature); {
	case authorization != nil && presigned:
		return nil, errBoth
	case authorization != nil:
		f, err = s.fromHeader(authorization)
	case presigned:
		s.presigned = true
		f, err = s.fromQuery()
	default:
		return nil, errMissing
	}
	if err != nil {
		return nil, err
	}
	if f.algorithm != algorithm {
		return nil, incomplete("Unsupported AWS 'algorithm': '%s'.", cited(f.algorithm))
	}
	if err := s.readTime(f.date); err != nil {
		return nil, err
	}
	if err := s.readCredential(f.credential, services); err != nil {
		return nil, err
	}
	if err := s.readSignedHeaders(f.signedHeaders); err != nil {
		return nil, err
	}
	if err := s.readPayload(); err != nil {
		return nil, err
	}
	if len(f.signature) != hex.EncodedLen(len(s.mac)) || f.signature != strings.ToLower(f.signature) {
		return nil, errMismatch
	}
	if _, err := hex.Decode(s.mac[:], []byte(f.signature)); err != nil {
		return nil, errMismatch
	}
	return s, nil
}

// fromHeader reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
func (s *Signature) fromHeader(values []string) (f fields, err error) {
	if len(values) > 1 {
		return f, incomplete("Found more than one 'Authorization' header.")
	}
	var rest string
	f.algorithm, rest, _ = strings.Cut(strings.TrimSpace(values[0]), " ")
	if !strings.HasPrefix(f.algorithm, "AWS4-") {
		return f, errMissing // another way to say who one is, which is not AWS's
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		field := f.named(name)
		if field == nil {
			continue
		}
		if *field != "" {
			return f, incomplete("Authorization header has more than one '%s' parameter.", name)
		}
		*field = value
	}
	if f.date, err = s.header("X-Amz-Date"); err == nil && f.date == "" {
		f.date, err = s.header("Date")
	}
	if err != nil {
		return f, err
	}
	if s.Token, err = s.header("X-Amz-Security-Token"); err != nil {
		return f, err
	}

	var text strings.Builder
	for _, name := range [...]string{"Credential", "Signature", "SignedHeaders"} {
		if *f.named(name) == "" {
			text.WriteString("Authorization header requires '" + name + "' parameter. ")
		}
	}
	if f.date == "" {
		text.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	if text.Len() > 0 {
		return f, incomplete("%s%s", text.String(), hashed(values[0]))
	}
	return f, nil
}

func (f *fields) named(name string) *string {
	switch name {
	case "Algorithm":
		return &f.algorithm
	case "Credential":
		return &f.credential
	case "SignedHeaders":
		return &f.signedHeaders
	case "Signature":
		return &f.signature
	case "Date":
		return &f.date
	}
	return nil
}

// header is the value of a header that may be there once.
func (s *Signature) header(key string) (string, error) {
	switch values := s.request.Header[key]; len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", incomplete("Found more than one '%s' header.", key)
}

// ofSignature tells whether a pair makes a request a presigned one.
func ofSignature(p pair) bool {
	return p.name == "X-Amz-Algorithm" || p.name == "X-Amz-Credential" || p.name == "X-Amz-Signature"
}

// fromQuery reads the parameters of a presigned URL.
func (s *Signature) fromQuery() (f fields, err error) {
	var expires, token, payload string
	seen := map[string]bool{}
	for _, p := range s.query {
		name, found := strings.CutPrefix(p.name, "X-Amz-")
		if !found {
			continue
		}
		field := f.named(name)
		switch name {
		case "Expires":
			field = &expires
		case "Security-Token":
			field = &token
		case "Content-Sha256":
			field = &payload
		}
		if field == nil {
			continue
		}
		if seen[name] {
			return f, incomplete("Found more than one '%s' query-string parameter.", p.name)
		}
		seen[name] = true
		*field = p.value
	}
	var text strings.Builder
	for _, name := range [...]string{"Algorithm", "Credential", "Signature", "SignedHeaders", "Date"} {
		if *f.named(name) == "" {
			text.WriteString("AWS query-string parameters must include 'X-Amz-" + name + "'. ")
		}
	}
	if text.Len() > 0 {
		return f, incomplete("%sRe-examine the query-string parameters.", text.String())
	}
	if expires != "" {
		seconds, err := strconv.ParseUint(expires, 10, 64)
		if err != nil {
			return f, incomplete("X-Amz-Expires should be a number")
		}
		if seconds > uint64(presignedMax/time.Second) {
			return f, incomplete("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than %d seconds", presignedMax/time.Second)
		}
		s.life = time.Duration(seconds) * time.Second
	}
	// The token may also be in a signed header.
	if s.Token = token; token == "" {
		if s.Token, err = s.header("X-Amz-Security-Token"); err != nil {
			return f, err
		}
	}
	s.payload = payload
	s.query = slices.DeleteFunc(s.query, func(p pair) bool { return p.name == "X-Amz-Signature" })
	return f, nil
}

func (s *Signature) readTime(date string) error {
	if t, err := time.Parse(dateLayout, date); err == nil && len(date) == len(dateLayout) {
		s.time, s.stamp = t, date
		return nil
	}
	for _, layout := range [...]string{http.TimeFormat, time.RFC1123Z} { // of the header Date
		if t, err := time.Parse(layout, date); err == nil {
			s.time, s.stamp = t, t.UTC().Format(dateLayout)
			return nil
		}
	}
	return incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", cited(date))
}

// readCredential reads "key id/date/region/service/aws4_request".
func (s *Signature) readCredential(credential string, services []string) error {
	if strings.Count(credential, "/") != 4 {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", cited(credential))
	}
	var last, rest string
	s.KeyID, rest, _ = strings.Cut(credential, "/")
	s.Scope.Date, rest, _ = strings.Cut(rest, "/")
	s.Scope.Region, rest, _ = strings.Cut(rest, "/")
	s.Scope.Service, last, _ = strings.Cut(rest, "/")
	if s.KeyID == "" {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", cited(credential))
	}
	if last != terminator {
		return mismatch("Credential should be scoped with a valid terminator: '%s', not '%s'.", terminator, cited(last))
	}
	if !isRegion(s.Scope.Region) {
		return mismatch("Credential should be scoped to a valid region.")
	}
	if services != nil {
		if err := s.For(services); err != nil {
			return err
		}
	}
	if day := s.stamp[:len("20060102")]; s.Scope.Date != day {
		return mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			cited(s.Scope.Date), day, s.stamp)
	}
	return nil
}

// For refuses a signature for a service that is none of services. The error is an *Error.
func (s *Signature) For(services []string) error {
	if !slices.Contains(services, s.Scope.Service) {
		return mismatch("Credential should be scoped to correct service: '%s'.", strings.Join(services, "' or '"))
	}
	return nil
}

// isRegion keeps odd strings out of keys and metrics.
func isRegion(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// readSignedHeaders reads "host;x-amz-date": lower case, in order, each once, and
// with everything in it that a server acts on.
func (s *Signature) readSignedHeaders(list string) error {
	before, count := "", 0
	for name := range strings.SplitSeq(list, ";") {
		if name <= before || !isHeaderName(name) {
			return mismatch("The names in SignedHeaders must be in lower case and in order.")
		}
		if before, count = name, count+1; count > signedHeadersMax {
			return mismatch("SignedHeaders has more than %d names.", signedHeadersMax)
		}
	}
	s.signedHeaders = list
	if !s.covers("host") {
		return mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for key := range s.request.Header {
		const prefix = "x-amz-"
		if key == contentHash {
			continue
		}
		if len(key) > len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) && !s.covers(key) {
			return mismatch("'%s' must be a 'SignedHeader' in the AWS Authorization.", cited(key))
		}
	}
	return nil
}

// contentHash is the header in which signers say what they have signed for the body.
const contentHash = "X-Amz-Content-Sha256"

// readPayload reads what the signer says of the body. Signers of the first years send the
// header and do not sign it: then it says nothing, and the body itself is hashed.
func (s *Signature) readPayload() error {
	if !s.covers(contentHash) {
		return nil
	}
	said, err := s.header(contentHash)
	if said != "" {
		s.payload = said
	}
	return err
}

// isHeaderName takes lower case only.
func isHeaderName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

// covers tells whether a header is signed, whatever the case of its name.
func (s *Signature) covers(header string) bool {
	for name := range strings.SplitSeq(s.signedHeaders, ";") {
		if strings.EqualFold(name, header) {
			return true
		}
	}
	return false
}
