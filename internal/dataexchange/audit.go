package dataexchange

import "heddle/internal/service"

// isDataEvent tells that calls are about setting up, all but one, which is not offered: as
// CloudTrail has them.
func isDataEvent(action string) bool { return action == "SendApiAsset" }

// members are what records of the trail show of requests and answers. Whoever has a signed
// URL may read or write what it is for, so it is secret.
var members = service.Members{
	Shown: []string{
		"acceptanceState", "acceptedAt", "action", "arn", "assetConfiguration", "assetDetails", "assetDestinations", "bucket", "keyPattern", "kmsKeyArn", "assetId", "assetName", "assetSources", "assetType", "code", "encryption", "eventActionArn", "md5Hash", "revisionDestination", "revisionDestinations", "signedUrlExpiresAt", "size",
		"clientToken", "createdAt", "dataGrantArn",
		"dataGrantId", "dataSetId", "details", "endsAt", "errors", "event", "exportAssetToSignedUrl", "exportAssetsToS3", "exportRevisionToS3", "exportRevisionsToS3", "importAssetFromSignedUrl",
		"importAssetsFromS3", "key", "limitName", "limitValue", "resourceId", "resourceType", "revisionPublished", "s3SnapshotAsset", "value",
		"eventActionId", "eventSourceId", "finalized", "grantDistributionScope", "id", "jobId",
		"maxResults", "method", "name", "origin", "originDetails", "receiverPrincipal", "resourceArn", "revisionId", "revoked", "revokedAt",
		"senderPrincipal", "sourceDataSetId", "sourceId", "state", "tagKeys", "type", "updatedAt",
	},
	Free:   []string{"comment", "description", "message", "revocationComment"},
	Secret: []string{"nextToken", "signedUrl"},
	Unshown: []string{
		"apiGatewayApiAsset", "createS3DataAccessFromS3Bucket", "dataUpdate", "deprecation", "importAssetFromApiGatewayApi", "importAssetFromSignedUrlJobErrorDetails",
		"importAssetsFromLakeFormationTagPolicy", "importAssetsFromRedshiftDataShares", "importAssetsFromS3JobErrorDetails", "lakeFormationDataPermissionAsset",
		"productId", "redshiftDataShareAsset", "s3DataAccessAsset", "schemaChange",
		"body", "path", "queryStringParameters", "requestHeaders", "responseHeaders", "scope",
	},
	Maps: []string{"tags"},
}
