package dataexchange

import "heddle/internal/service"

// isDataEvent tells that calls are about setting up, all but one which is not offered: as
// CloudTrail has them.
func isDataEvent(action string) bool { return action == "SendApiAsset" }

// members are what records of the trail show of requests and answers.
var members = service.Members{
	Shown: []string{},
}
