package events

import "heddle/internal/service"

// members are what records of the trail show of requests and answers: nothing that a connection
// authorises by.
var members = service.Members{
	Shown: []string{
		"authParameters", "authorizationType", "apiKeyAuthParameters", "apiKeyName", "authorizationEndpoint", "basicAuthParameters", "clientID", "clientParameters",
		"connectionArn", "connectionState", "creationTime", "description", "httpMethod", "kmsKeyIdentifier", "lastAuthorizedTime", "lastModifiedTime", "limit", "name",
		"namePrefix", "oAuthParameters", "username",
	},
	Secret: []string{"apiKeyValue", "clientSecret", "nextToken", "password"},
	Unshown: []string{
		"connectivityParameters", "invocationConnectivityParameters", // which are refused
		"invocationHttpParameters", "oAuthHttpParameters", // which may have secrets
	},
}
