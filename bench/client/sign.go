package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"time"
)

// signer makes Signature Version 4 for one connection. The signing key and the
// keyed hash are kept for a day, the date header for a second.
type signer struct {
	service                      Service
	accessKey, secretKey, region string
	host                         string

	second  int64 // Unix time that date is of
	date    []byte
	scope   []byte // date/region/service/aws4_request
	mac     hash.Hash
	scratch []byte
	sum     [sha256.Size]byte
}

const (
	amzDate       = "20060102T150405Z"
	signedHeaders = "content-type;host;x-amz-date"
	signedTarget  = ";x-amz-target"
)

// at moves the signer to a moment.
func (s *signer) at(now time.Time) {
	if now.Unix() == s.second {
		return
	}
	s.second = now.Unix()
	day := string(s.date[:min(8, len(s.date))])
	s.date = now.UTC().AppendFormat(s.date[:0], amzDate)
	if string(s.date[:8]) == day {
		return
	}
	key := []byte("AWS4" + s.secretKey)
	for _, part := range []string{string(s.date[:8]), s.region, s.service.name, "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	s.mac = hmac.New(sha256.New, key)
	s.scope = append(s.scope[:0], s.date[:8]...)
	s.scope = append(s.scope, "/"+s.region+"/"+s.service.name+"/aws4_request"...)
}

// appendAuthorization appends the value of the Authorization header.
func (s *signer) appendAuthorization(b []byte, target string, body []byte) []byte {
	c := append(s.scratch[:0], "POST\n/\n\ncontent-type:"+s.service.contentType+"\nhost:"...)
	c = append(c, s.host...)
	c = append(c, "\nx-amz-date:"...)
	c = append(c, s.date...)
	signed := signedHeaders
	if s.service.target != "" {
		signed += signedTarget
		c = append(c, "\nx-amz-target:"+s.service.target...)
		c = append(c, target...)
	}
	c = append(c, "\n\n"+signed+"\n"...)
	s.sum = sha256.Sum256(body)
	c = hex.AppendEncode(c, s.sum[:])
	s.sum = sha256.Sum256(c)

	c = append(c[:0], "AWS4-HMAC-SHA256\n"...)
	c = append(c, s.date...)
	c = append(c, '\n')
	c = append(c, s.scope...)
	c = append(c, '\n')
	c = hex.AppendEncode(c, s.sum[:])
	s.mac.Reset()
	s.mac.Write(c)
	s.scratch = c

	b = append(b, "AWS4-HMAC-SHA256 Credential="...)
	b = append(b, s.accessKey...)
	b = append(b, '/')
	b = append(b, s.scope...)
	b = append(b, ", SignedHeaders="+signed+", Signature="...)
	return hex.AppendEncode(b, s.mac.Sum(s.sum[:0]))
}
