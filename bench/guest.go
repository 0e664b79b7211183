package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"heddle/bench/client"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// guestPolicy permits what the workloads do, by conditions as programs have them:
// what each call and each decision of the root user is not asked.
const guestPolicy = `{"Version": "2012-10-17", "Statement": [
	{"Sid": "Look", "Effect": "Allow", "Action": ["swf:Describe*", "swf:List*", "swf:Count*", "swf:Get*"], "Resource": "*"},
	{"Sid": "Setup", "Effect": "Allow", "Action": "swf:Register*", "Resource": "arn:aws:swf:*:*:/domain/*"},
	{"Sid": "Start", "Effect": "Allow", "Action": ["swf:StartWorkflowExecution", "swf:StartChildWorkflowExecution"], "Resource": "arn:aws:swf:*:*:/domain/*",
		"Condition": {"StringLike": {"swf:workflowType.name": "*", "swf:workflowType.version": "*"}}},
	{"Sid": "Work", "Effect": "Allow", "Action": ["swf:Poll*", "swf:Respond*", "swf:RecordActivityTaskHeartbeat"], "Resource": "*"},
	{"Sid": "Decide", "Effect": "Allow", "Action": "swf:ScheduleActivityTask", "Resource": "*",
		"Condition": {"StringLike": {"swf:activityType.name": "*"}, "StringNotEquals": {"swf:activityType.version": "none"}}},
	{"Sid": "Close", "Effect": "Allow", "Action": ["swf:Complete*", "swf:Fail*", "swf:ContinueAsNew*", "swf:StartTimer", "swf:RecordMarker",
		"swf:Signal*", "swf:Terminate*"], "Resource": "*"},
	{"Sid": "Never", "Effect": "Deny", "Action": "swf:Deprecate*", "Resource": "*"}
]}`

// admitGuest makes a user who has a policy, and gives his key.
func admitGuest(addr string, root client.Credentials) (client.Credentials, error) {
	var key struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	for _, q := range []url.Values{
		{"Action": {"CreateUser"}, "UserName": {"guest"}},
		{"Action": {"PutUserPolicy"}, "UserName": {"guest"}, "PolicyName": {"p"}, "PolicyDocument": {guestPolicy}},
		{"Action": {"CreateAccessKey"}, "UserName": {"guest"}},
	} {
		q.Set("Version", "2010-05-08")
		answer, err := askIAM(addr, root, q.Encode())
		if err != nil {
			return root, fmt.Errorf("%s: %w", q.Get("Action"), err)
		}
		if err := xml.Unmarshal(answer, &key); err != nil {
			return root, fmt.Errorf("%s: %w", q.Get("Action"), err)
		}
	}
	root.AccessKey, root.SecretKey = key.ID, key.Secret
	return root, nil
}

func askIAM(addr string, key client.Credentials, body string) ([]byte, error) {
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	digest := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: key.AccessKey, SecretAccessKey: key.SecretKey},
		r, hex.EncodeToString(digest[:]), "iam", key.Region, time.Now()); err != nil {
		return nil, err
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer w.Body.Close()
	answer, err := io.ReadAll(w.Body)
	if err == nil && w.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", w.StatusCode, answer)
	}
	return answer, err
}
