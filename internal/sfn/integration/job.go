package integration

import (
	"slices"
	"strconv"
	"strings"

	"heddle/internal/aws/sdk"
	"heddle/jsonvalue"
)

// Job is what a task with .sync has begun, and waits for: how one asks what became of it
// (Step Functions Developer Guide, the pages of the services).
type Job struct {
	// Describe is the operation that tells.
	Describe string
	// With are its parameters, by name: a path into what was answered when the job began, or
	// behind @ the name of a parameter that it began with, or behind = a text; in brackets, a
	// list of one.
	With map[string]string
	// Stop is the operation that ends the job, and StopWith its parameters; "": none does.
	Stop     string
	StopWith map[string]string
	// Of is the path to the job in what is told; Status that within it.
	Of, Status string
	// Good and Bad are how it ends.
	Good, Bad []string
	// Whole: the output of the task is all that was told, not the job alone.
	Whole bool
	// Answer: the output of the task is what was answered when the job began.
	Answer bool
	// Gone: the job is done, too, when there is nothing left to tell of.
	Gone  bool
	exits bool // ended, it is good if all its containers are
}

// stopReason is what a service is told that wants to know why a job is stopped.
const stopReason = "The execution of Step Functions no longer waits for it"

var sagemakerBad = []string{"Failed", "Stopped"}

var jobs = map[string]Job{
	"batch:submitJob": {Describe: "describeJobs", With: map[string]string{"Jobs": "[JobId]"}, Of: "Jobs.0", Status: "Status", Good: []string{"SUCCEEDED"}, Bad: []string{"FAILED"},
		Stop: "terminateJob", StopWith: map[string]string{"JobId": "JobId", "Reason": "=" + stopReason}},
	"ecs:runTask": {Describe: "describeTasks", With: map[string]string{"Cluster": "Tasks.0.ClusterArn", "Tasks": "[Tasks.0.TaskArn]"}, Of: "Tasks.0", Status: "LastStatus",
		Good: []string{"STOPPED"}, exits: true,
		Stop: "stopTask", StopWith: map[string]string{"Cluster": "Tasks.0.ClusterArn", "Task": "Tasks.0.TaskArn", "Reason": "=" + stopReason}},
	"glue:startJobRun": {Describe: "getJobRun", With: map[string]string{"JobName": "@JobName", "RunId": "JobRunId"}, Of: "JobRun", Status: "JobRunState",
		Good: []string{"SUCCEEDED"}, Bad: []string{"FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED"},
		Stop: "batchStopJobRun", StopWith: map[string]string{"JobName": "@JobName", "JobRunIds": "[JobRunId]"}},
	"codebuild:startBuild": {Describe: "batchGetBuilds", With: map[string]string{"Ids": "[Build.Id]"}, Of: "Builds.0", Status: "BuildStatus",
		Good: []string{"SUCCEEDED"}, Bad: []string{"FAILED", "FAULT", "TIMED_OUT", "STOPPED"},
		Stop: "stopBuild", StopWith: map[string]string{"Id": "Build.Id"}},
	"codebuild:startBuildBatch": {Describe: "batchGetBuildBatches", With: map[string]string{"Ids": "[BuildBatch.Id]"}, Of: "BuildBatches.0", Status: "BuildBatchStatus",
		Good: []string{"SUCCEEDED"}, Bad: []string{"FAILED", "FAULT", "TIMED_OUT", "STOPPED"},
		Stop: "stopBuildBatch", StopWith: map[string]string{"Id": "BuildBatch.Id"}},
	"codebuild:retryBuildBatch": {Describe: "batchGetBuildBatches", With: map[string]string{"Ids": "[BuildBatch.Id]"}, Of: "BuildBatches.0", Status: "BuildBatchStatus",
		Good: []string{"SUCCEEDED"}, Bad: []string{"FAILED", "FAULT", "TIMED_OUT", "STOPPED"},
		Stop: "stopBuildBatch", StopWith: map[string]string{"Id": "BuildBatch.Id"}},
	"bedrock:createModelCustomizationJob": {Describe: "getModelCustomizationJob", With: map[string]string{"JobIdentifier": "JobArn"}, Status: "Status",
		Good: []string{"Completed"}, Bad: []string{"Failed", "Stopped"}, Whole: true,
		Stop: "stopModelCustomizationJob", StopWith: map[string]string{"JobIdentifier": "JobArn"}},
	"athena:startQueryExecution": {Describe: "getQueryExecution", With: map[string]string{"QueryExecutionId": "QueryExecutionId"}, Of: "QueryExecution", Status: "Status.State",
		Good: []string{"SUCCEEDED"}, Bad: []string{"FAILED", "CANCELLED"}, Whole: true,
		Stop: "stopQueryExecution", StopWith: map[string]string{"QueryExecutionId": "QueryExecutionId"}},
	"databrew:startJobRun": {Describe: "describeJobRun", With: map[string]string{"Name": "@Name", "RunId": "RunId"}, Status: "State",
		Good: []string{"SUCCEEDED"}, Bad: []string{"FAILED", "STOPPED", "TIMEOUT"}, Whole: true,
		Stop: "stopJobRun", StopWith: map[string]string{"Name": "@Name", "RunId": "RunId"}},
	"emr-containers:startJobRun": {Describe: "describeJobRun", With: map[string]string{"Id": "Id", "VirtualClusterId": "VirtualClusterId"}, Of: "JobRun", Status: "State",
		Good: []string{"COMPLETED"}, Bad: []string{"FAILED", "CANCELLED"}, Whole: true,
		Stop: "cancelJobRun", StopWith: map[string]string{"Id": "Id", "VirtualClusterId": "VirtualClusterId"}},
	"emr-containers:deleteVirtualCluster": {Describe: "describeVirtualCluster", With: map[string]string{"Id": "@Id"}, Of: "VirtualCluster", Status: "State",
		Good: []string{"TERMINATED"}, Bad: []string{"ARRESTED"}, Answer: true, Gone: true},
	"emr-serverless:createApplication": {Describe: "getApplication", With: map[string]string{"ApplicationId": "ApplicationId"}, Of: "Application", Status: "State",
		Good: []string{"CREATED", "STARTING", "STARTED", "STOPPING", "STOPPED"}, Bad: []string{"TERMINATED"}, Whole: true},
	"emr-serverless:startApplication": {Describe: "getApplication", With: map[string]string{"ApplicationId": "@ApplicationId"}, Of: "Application", Status: "State",
		Good: []string{"STARTED"}, Bad: []string{"STOPPED", "TERMINATED"}, Whole: true},
	"emr-serverless:stopApplication": {Describe: "getApplication", With: map[string]string{"ApplicationId": "@ApplicationId"}, Of: "Application", Status: "State",
		Good: []string{"STOPPED"}, Bad: []string{"TERMINATED"}, Whole: true},
	"emr-serverless:deleteApplication": {Describe: "getApplication", With: map[string]string{"ApplicationId": "@ApplicationId"}, Of: "Application", Status: "State",
		Good: []string{"TERMINATED"}, Answer: true, Gone: true},
	"emr-serverless:cancelJobRun": {Describe: "getJobRun", With: map[string]string{"ApplicationId": "@ApplicationId", "JobRunId": "@JobRunId"}, Of: "JobRun", Status: "State",
		Good: []string{"CANCELLED"}, Bad: []string{"FAILED", "SUCCESS"}, Whole: true},
	"emr-serverless:startJobRun": {Describe: "getJobRun", With: map[string]string{"ApplicationId": "ApplicationId", "JobRunId": "JobRunId"}, Of: "JobRun", Status: "State",
		Good: []string{"SUCCESS"}, Bad: []string{"FAILED", "CANCELLED"}, Whole: true,
		Stop: "cancelJobRun", StopWith: map[string]string{"ApplicationId": "ApplicationId", "JobRunId": "JobRunId"}},
	"mediaconvert:createJob": {Describe: "getJob", With: map[string]string{"Id": "Job.Id"}, Of: "Job", Status: "Status", Good: []string{"COMPLETE"}, Bad: []string{"ERROR", "CANCELED"}, Whole: true,
		Stop: "cancelJob", StopWith: map[string]string{"Id": "Job.Id"}},
	"eks:createCluster": {Describe: "describeCluster", With: map[string]string{"Name": "@Name"}, Of: "Cluster", Status: "Status", Good: []string{"ACTIVE"}, Bad: []string{"FAILED"}, Whole: true},
	"eks:createNodegroup": {Describe: "describeNodegroup", With: map[string]string{"ClusterName": "@ClusterName", "NodegroupName": "@NodegroupName"}, Of: "Nodegroup", Status: "Status",
		Good: []string{"ACTIVE"}, Bad: []string{"CREATE_FAILED", "DEGRADED"}, Whole: true},
	"eks:createFargateProfile": {Describe: "describeFargateProfile", With: map[string]string{"ClusterName": "@ClusterName", "FargateProfileName": "@FargateProfileName"}, Of: "FargateProfile",
		Status: "Status", Good: []string{"ACTIVE"}, Bad: []string{"CREATE_FAILED", "DELETE_FAILED"}, Whole: true},
	"eks:deleteCluster": {Describe: "describeCluster", With: map[string]string{"Name": "@Name"}, Of: "Cluster", Status: "Status", Bad: []string{"FAILED"}, Answer: true, Gone: true},
	"eks:deleteNodegroup": {Describe: "describeNodegroup", With: map[string]string{"ClusterName": "@ClusterName", "NodegroupName": "@NodegroupName"}, Of: "Nodegroup", Status: "Status",
		Bad: []string{"DELETE_FAILED"}, Answer: true, Gone: true},
	"eks:deleteFargateProfile": {Describe: "describeFargateProfile", With: map[string]string{"ClusterName": "@ClusterName", "FargateProfileName": "@FargateProfileName"}, Of: "FargateProfile",
		Status: "Status", Bad: []string{"DELETE_FAILED"}, Answer: true, Gone: true},
	// Clusters go on when nobody waits for them any more.
	"elasticmapreduce:createCluster": {Describe: "describeCluster", With: map[string]string{"ClusterId": "ClusterId"}, Of: "Cluster", Status: "Status.State",
		Good: []string{"WAITING"}, Bad: []string{"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"}, Answer: true},
	"elasticmapreduce:terminateCluster": {Describe: "describeCluster", With: map[string]string{"ClusterId": "@ClusterId"}, Of: "Cluster", Status: "Status.State",
		Good: []string{"TERMINATED", "TERMINATED_WITH_ERRORS"}, Answer: true},
	"elasticmapreduce:addStep": {Describe: "describeStep", With: map[string]string{"ClusterId": "@ClusterId", "StepId": "StepId"}, Of: "Step", Status: "Status.State",
		Good: []string{"COMPLETED"}, Bad: []string{"CANCELLED", "FAILED", "INTERRUPTED"}, Whole: true,
		Stop: "cancelSteps", StopWith: map[string]string{"ClusterId": "@ClusterId", "StepIds": "[StepId]"}},
	"sagemaker:createTrainingJob": {Describe: "describeTrainingJob", With: map[string]string{"TrainingJobName": "@TrainingJobName"}, Status: "TrainingJobStatus",
		Good: []string{"Completed"}, Bad: sagemakerBad,
		Stop: "stopTrainingJob", StopWith: map[string]string{"TrainingJobName": "@TrainingJobName"}},
	"sagemaker:createTransformJob": {Describe: "describeTransformJob", With: map[string]string{"TransformJobName": "@TransformJobName"}, Status: "TransformJobStatus",
		Good: []string{"Completed"}, Bad: sagemakerBad,
		Stop: "stopTransformJob", StopWith: map[string]string{"TransformJobName": "@TransformJobName"}},
	"sagemaker:createProcessingJob": {Describe: "describeProcessingJob", With: map[string]string{"ProcessingJobName": "@ProcessingJobName"}, Status: "ProcessingJobStatus",
		Good: []string{"Completed"}, Bad: sagemakerBad,
		Stop: "stopProcessingJob", StopWith: map[string]string{"ProcessingJobName": "@ProcessingJobName"}},
	"sagemaker:createHyperParameterTuningJob": {Describe: "describeHyperParameterTuningJob", With: map[string]string{"HyperParameterTuningJobName": "@HyperParameterTuningJobName"},
		Status: "HyperParameterTuningJobStatus", Good: []string{"Completed"}, Bad: sagemakerBad,
		Stop: "stopHyperParameterTuningJob", StopWith: map[string]string{"HyperParameterTuningJobName": "@HyperParameterTuningJobName"}},
	"sagemaker:createLabelingJob": {Describe: "describeLabelingJob", With: map[string]string{"LabelingJobName": "@LabelingJobName"}, Status: "LabelingJobStatus",
		Good: []string{"Completed"}, Bad: sagemakerBad,
		Stop: "stopLabelingJob", StopWith: map[string]string{"LabelingJobName": "@LabelingJobName"}},
}

// JobOf is the job that a task with .sync begins; nil: nobody here knows how to wait for it.
func JobOf(service, resource string) *Job {
	action, _, _ := strings.Cut(resource, ".")
	if j, ok := jobs[service+":"+action]; ok {
		return &j
	}
	return nil
}

// Parameters are those of Describe, for a job that began with parameters, and was answered so.
// Ok is false if the answer does not say what has begun.
func (j *Job) Parameters(began, answer *jsonvalue.Object) (_ *jsonvalue.Object, ok bool) {
	return filledIn(j.With, began, answer)
}

// StopParameters are those of Stop, in the same way.
func (j *Job) StopParameters(began, answer *jsonvalue.Object) (_ *jsonvalue.Object, ok bool) {
	return filledIn(j.StopWith, began, answer)
}

func filledIn(with map[string]string, began, answer *jsonvalue.Object) (_ *jsonvalue.Object, ok bool) {
	all := jsonvalue.NewObject(len(with))
	for name, from := range with {
		bare := strings.Trim(from, "[]")
		v := find(answer, bare)
		if given, isGiven := strings.CutPrefix(bare, "@"); isGiven {
			v = find(began, given)
		}
		if text, isText := strings.CutPrefix(bare, "="); isText {
			v = text
		}
		if s, text := v.(string); !text || s == "" {
			return nil, false
		}
		if bare != from {
			v = []any{v}
		}
		all.Set(name, v)
	}
	return all, true
}

// State is what became of a job.
type State int

// The states.
const (
	Running State = iota
	Succeeded
	Failed
)

// Ended tells what became of a job, by what Describe told, and what the task's output, or the
// cause of its failure, is.
func (j *Job) Ended(told *jsonvalue.Object) (state State, output any) {
	of := any(told)
	if j.Of != "" {
		of = find(told, j.Of)
	}
	output = of
	if j.Whole {
		output = told
	}
	status, _ := find(of, j.Status).(string)
	switch {
	case slices.Contains(j.Bad, status), slices.Contains(j.Good, status) && j.exits && !exitedWell(of):
		return Failed, output
	case slices.Contains(j.Good, status):
		return Succeeded, output
	}
	return Running, nil
}

// exitedWell tells whether all containers of a task of ECS ended with 0.
func exitedWell(of any) bool {
	containers, _ := find(of, "Containers").([]any)
	for _, c := range containers {
		if code, ok := jsonvalue.Float(find(c, "ExitCode")); !ok || code != 0 {
			return false
		}
	}
	return len(containers) > 0
}

// Began tells whether an answer says that the job began, and if not why.
func (j *Job) Began(answer *jsonvalue.Object) (cause string, ok bool) {
	if failures, _ := find(answer, "Failures").([]any); len(failures) > 0 {
		return jsonvalue.Text(answer), false
	}
	return "", true
}

// find follows a path of members and indexes; nil: it leads nowhere.
func find(v any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case *jsonvalue.Object:
			v, _ = at.Get(part)
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// IsGone tells whether a question after a job was refused since there is nothing to tell of any
// more, by which the job is done.
func (j *Job) IsGone(f *sdk.Fault) bool {
	return j.Gone && (f.Exception == "ResourceNotFoundException" || f.Code == "ResourceNotFoundException")
}

// Passing tells whether a failed question after a job means nothing for the job: the next one
// may be answered.
func Passing(f *sdk.Fault) bool {
	return f.Status == 429 || f.Status >= 500 || strings.Contains(f.Code, "Throttl") || strings.Contains(f.Code, "TooManyRequests")
}
