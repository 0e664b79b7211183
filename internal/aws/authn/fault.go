package authn

import (
	"net/http"

	"heddle/internal/aws/awsjson"
	"heddle/internal/aws/sigv4"
)

// names are what a kind of refusal is called in each protocol.
type names struct {
	json        string
	query       string
	queryStatus int
}

var faults = map[sigv4.Kind]names{
	sigv4.Missing:      {"MissingAuthenticationTokenException", "MissingAuthenticationToken", http.StatusForbidden},
	sigv4.Incomplete:   {"IncompleteSignatureException", "IncompleteSignature", http.StatusBadRequest},
	sigv4.UnknownKey:   {"UnrecognizedClientException", "InvalidClientTokenId", http.StatusForbidden},
	sigv4.Mismatch:     {"InvalidSignatureException", "SignatureDoesNotMatch", http.StatusForbidden},
	sigv4.Stale:        {"InvalidSignatureException", "SignatureDoesNotMatch", http.StatusForbidden},
	sigv4.ExpiredToken: {"ExpiredTokenException", "ExpiredToken", http.StatusForbidden},
}

// JSONFault is a refusal as the services with JSON protocols word it: with
// status 400, whatever it is.
func JSONFault(refusal *sigv4.Error) *awsjson.Fault {
	return &awsjson.Fault{Code: "com.amazon.coral.service#" + faults[refusal.Kind].json, Message: refusal.Message}
}

// QueryFault is the code and the status of a refusal in the query protocol, as
// the identity services have it; the message is the same.
func QueryFault(refusal *sigv4.Error) (code string, status int) {
	n := faults[refusal.Kind]
	return n.query, n.queryStatus
}
