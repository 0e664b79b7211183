package asl

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"heddle/jsonvalue"
)

// mapping are the fields of a Map state alone.
var mapping = fieldRules{
	"ItemProcessor": {both, later}, // mapTogether reads these two
	"Iterator":      {both, later},
	"Items":         {ata, (*reading).items},
	"ItemsPath": {path, func(r *reading, at string, v any) {
		if p := r.path("ItemsPath", at, v, mayContext); p != nil {
			r.s.ItemsPath = itemsPath{p}
		}
	}},
	"ItemSelector": {both, (*reading).itemSelector},
	"MaxConcurrency": {both, func(r *reading, at string, v any) {
		r.s.MaxConcurrency = r.count("MaxConcurrency", at, v, 0, math.MaxInt32)
	}},
	"MaxConcurrencyPath": {path, func(r *reading, at string, v any) {
		r.s.MaxConcurrencyPath = r.pathField("MaxConcurrencyPath", at, v, 0)
	}},
	"ToleratedFailureCount": {both, func(r *reading, at string, v any) {
		r.s.ToleratedCount = r.count("ToleratedFailureCount", at, v, 0, math.MaxInt32)
	}},
	"ToleratedFailureCountPath": {path, func(r *reading, at string, v any) {
		r.s.ToleratedCountPath = r.pathField("ToleratedFailureCountPath", at, v, 0)
	}},
	"ToleratedFailurePercentage": {both, (*reading).toleratedPercentage},
	"ToleratedFailurePercentagePath": {path, func(r *reading, at string, v any) {
		r.s.ToleratedPercentPath = r.pathField("ToleratedFailurePercentagePath", at, v, 0)
	}},
	"Label":        {both, (*reading).label},
	"ItemReader":   {both, (*reading).itemReader},
	"ItemBatcher":  {both, (*reading).itemBatcher},
	"ResultWriter": {both, (*reading).resultWriter},
}

// distributedOnly are fields that an inline Map does not have. Tolerated failures are taken
// there, too, and mean nothing.
var distributedOnly = []string{"ItemReader", "ItemBatcher", "ResultWriter"}

func (r *reading) items(at string, v any) {
	if q, ok := r.expression("Items", at, v); ok {
		r.s.Items = q
		return
	}
	switch v.(type) {
	case []any, *jsonvalue.Object:
		r.s.Items = r.query("Items", at, v)
	default:
		r.wrong(at, ofType("Array"))
	}
}

func (r *reading) itemSelector(at string, v any) {
	if r.s.Language == JSONata {
		r.s.ItemSelector = r.query("ItemSelector", at, v)
	} else {
		r.s.ItemSelector = r.template(at, v)
	}
}

func (r *reading) toleratedPercentage(at string, v any) {
	const field = "ToleratedFailurePercentage"
	if q, ok := r.expression(field, at, v); ok {
		r.s.ToleratedPercent = q
	} else if f, ok := r.decimal(at, v, 0, 100); ok {
		r.s.ToleratedPercent = constant{f}
	}
}

// mapTogether reads the iterations of a Map state, when all its fields are known.
func (r *reading) mapTogether(o *jsonvalue.Object) {
	s := r.s
	for _, name := range []string{"MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"} {
		r.exclusive(o, r.at, name, name+"Path")
	}
	if s.Language == JSONPath {
		r.exclusive(o, r.at, "ItemSelector", "Parameters")
		if s.Parameters != nil {
			s.ItemSelector, s.Parameters = s.Parameters, nil
		}
	}
	name := "ItemProcessor"
	v, ok := o.Get(name)
	legacy, hasLegacy := o.Get("Iterator")
	switch {
	case ok && hasLegacy:
		r.wrong(r.at, onlyOne("ItemProcessor", "Iterator"))
	case !ok && !hasLegacy:
		r.wrong(r.at, required("ItemProcessor"))
		return
	case !ok:
		name, v = "Iterator", legacy
	}
	at := r.at + "/" + name
	flow, ok := r.object(at, v)
	if !ok {
		return
	}
	r.flowFields(flow, at, "ProcessorConfig")
	express := r.express
	if config, ok := flow.Get("ProcessorConfig"); ok {
		r.processorConfig(at+"/ProcessorConfig", config)
	}
	if !s.Distributed {
		for _, name := range distributedOnly {
			if _, ok := o.Get(name); ok {
				r.wrong(r.at, notSupported(name)) // ours
			}
		}
	}
	s.Iterator = r.compiler.flow(flow, at, s, r.depth+1)
	r.express = express
}

func (r *reading) processorConfig(at string, v any) {
	config, ok := r.object(at, v)
	if !ok {
		return
	}
	hasType := false
	for name, v := range config.All() {
		place := at + "/" + name
		switch name {
		case "Mode":
			mode, _ := r.among(place, name, v, "INLINE", "DISTRIBUTED")
			r.s.Distributed = mode == "DISTRIBUTED"
		case "ExecutionType":
			hasType = true
			if kind, ok := r.among(place, name, v, "STANDARD", "EXPRESS"); ok {
				r.s.ExpressItems = kind == "EXPRESS"
			}
		default:
			r.wrong(at, notSupported(name))
		}
	}
	switch {
	case r.s.Distributed && r.express:
		r.wrong(at+"/Mode", "Express state machine does not support Distributed Map") // ours
	case r.s.Distributed && !hasType:
		r.wrong(at, required("ExecutionType"))
	case r.s.Distributed:
		r.compiler.express = r.s.ExpressItems
	}
}

// labelMax is in characters.
const labelMax = 40

// label keeps a Label; labels are looked at when all else is well.
func (r *reading) label(at string, v any) {
	if text, ok := r.text(at, v); ok {
		r.s.Label = text
		r.labels = append(r.labels, label{at, text})
	}
}

// checkLabels looks at labels, in the words of the service's part that does so.
func (c *compiler) checkLabels() {
	seen := map[string]bool{}
	for _, l := range c.labels {
		code, message := InvalidLabel, ""
		switch i := strings.IndexFunc(l.text, notInLabel); {
		case l.text == "":
			message = "Label cannot be empty"
		case utf8.RuneCountInString(l.text) > labelMax:
			message = fmt.Sprintf("Label cannot exceed %d characters", labelMax)
		case i >= 0:
			character, _ := utf8.DecodeRuneInString(l.text[i:])
			message = "Label contains invalid character: " + pythonText(string(character))
		case seen[l.text]:
			code, message = DuplicateLabel, "Duplicate Label name: "+l.text // ours
		}
		if message != "" {
			c.fail(code, l.at, message)
		}
		seen[l.text] = true
	}
}

func notInLabel(r rune) bool {
	return r <= ' ' || r >= 0x7f && r <= 0x9f || strings.ContainsRune("?*<>{}[]:;,\\|^~$#%&`\"", r)
}

// inputTypes are what an ItemReader reads (Step Functions Developer Guide, ItemReader).
var inputTypes = []string{"CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"}

// itemReader checks an ItemReader.
func (r *reading) itemReader(at string, v any) {
	o, ok := r.object(at, v)
	if !ok {
		return
	}
	reader := &ItemReader{}
	r.s.ItemReader = reader
	r.known(o, at, map[string]languages{"Comment": both, "Resource": both, "ReaderConfig": both, "Parameters": path, "Arguments": ata})
	r.need(o, at, "Resource")
	for name, v := range o.All() {
		place := at + "/" + name
		switch name {
		case "Resource":
			reader.Resource = r.readResource(place, v)
		case "Parameters":
			reader.Arguments = r.template(place, v)
		case "Arguments":
			reader.Arguments = r.query("ItemReader/Arguments", place, v)
		case "ReaderConfig":
			if o, ok := r.object(place, v); ok {
				r.readerConfig(reader, place, o)
			}
		}
	}
}

const maxItemsMost = 100_000_000

func (r *reading) readerConfig(reader *ItemReader, at string, o *jsonvalue.Object) {
	const field = "ItemReader/ReaderConfig"
	r.known(o, at, map[string]languages{"InputType": both, "Transformation": both, "ItemsPointer": both, "CSVHeaderLocation": both, "CSVHeaders": both, "CSVDelimiter": both, "ManifestType": both, "MaxItems": both, "MaxItemsPath": path})
	r.exclusive(o, at, "MaxItems", "MaxItemsPath")
	for name, v := range o.All() {
		place := at + "/" + name
		switch name {
		case "InputType":
			reader.InputType, _ = r.among(place, name, v, inputTypes...)
		case "Transformation":
			reader.Transformation, _ = r.among(place, name, v, "NONE", "LOAD_AND_FLATTEN")
		case "ItemsPointer":
			reader.ItemsPointer, _ = r.text(place, v)
		case "ManifestType":
			reader.ManifestType, _ = r.among(place, name, v, "S3_INVENTORY", "ATHENA_DATA")
		case "CSVHeaderLocation":
			reader.CSVHeaderLocation, _ = r.among(place, name, v, "FIRST_ROW", "GIVEN")
		case "CSVDelimiter":
			reader.CSVDelimiter, _ = r.among(place, name, v, "COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB")
		case "CSVHeaders":
			list, _ := r.list(place, v)
			for i, v := range list {
				header, _ := r.text(place+"["+strconv.Itoa(i)+"]", v)
				reader.CSVHeaders = append(reader.CSVHeaders, header)
			}
		case "MaxItems":
			reader.MaxItems = r.count(field+"/MaxItems", place, v, 0, maxItemsMost)
		case "MaxItemsPath":
			if r.s.Language == JSONPath {
				reader.MaxItemsPath = r.pathField(field+"/MaxItemsPath", place, v, 0)
			}
		}
	}
	if _, ok := o.Get("CSVHeaders"); reader.CSVHeaderLocation == "GIVEN" && !ok {
		r.wrong(at, required("CSVHeaders"))
	}
	_, typed := o.Get("InputType")
	switch {
	case !typed && (reader.Transformation == "LOAD_AND_FLATTEN" || reader.ManifestType == "ATHENA_DATA"):
		r.wrong(at, required("InputType")) // ours
	case typed && reader.InputType != "MANIFEST" && reader.ManifestType == "S3_INVENTORY":
		r.wrong(at, onlyOne("InputType", "ManifestType")) // ours
	}
}

const (
	batchItemsMost = math.MaxInt32
	batchBytesMost = 256 << 10
)

// itemBatcher checks an ItemBatcher.
func (r *reading) itemBatcher(at string, v any) {
	o, ok := r.object(at, v)
	if !ok {
		return
	}
	batcher := &ItemBatcher{}
	r.s.ItemBatcher = batcher
	r.known(o, at, map[string]languages{"Comment": both, "BatchInput": both, "MaxItemsPerBatch": both, "MaxInputBytesPerBatch": both, "MaxItemsPerBatchPath": path, "MaxInputBytesPerBatchPath": path})
	r.exclusive(o, at, "MaxItemsPerBatch", "MaxItemsPerBatchPath")
	r.exclusive(o, at, "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath")
	limited := false
	for name, v := range o.All() {
		field, place := "ItemBatcher/"+name, at+"/"+name
		isPath := strings.HasSuffix(name, "Path")
		if isPath && r.s.Language == JSONata {
			continue // reported
		}
		switch name {
		case "BatchInput":
			if r.s.Language == JSONata {
				batcher.BatchInput = r.query(field, place, v)
			} else {
				batcher.BatchInput = r.template(place, v)
			}
		case "MaxItemsPerBatch":
			batcher.MaxItems = r.count(field, place, v, 0, batchItemsMost)
		case "MaxItemsPerBatchPath":
			batcher.MaxItemsPath = r.pathField(field, place, v, 0)
		case "MaxInputBytesPerBatch":
			batcher.MaxBytes = r.count(field, place, v, 0, batchBytesMost)
		case "MaxInputBytesPerBatchPath":
			batcher.MaxBytesPath = r.pathField(field, place, v, 0)
		}
		limited = limited || strings.HasPrefix(name, "Max")
	}
	if !limited {
		r.wrong(at, oneOf("MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"))
	}
}

// resultWriter checks a ResultWriter.
func (r *reading) resultWriter(at string, v any) {
	o, ok := r.object(at, v)
	if !ok {
		return
	}
	writer := &ResultWriter{}
	r.s.ResultWriter = writer
	r.known(o, at, map[string]languages{"Comment": both, "Resource": both, "WriterConfig": both, "Parameters": path, "Arguments": ata})
	_, puts := o.Get("Resource")
	if _, shapes := o.Get("WriterConfig"); !puts && !shapes {
		r.wrong(at, oneOf("WriterConfig", "Resource")) // ours
	}
	for name, v := range o.All() {
		place := at + "/" + name
		switch name {
		case "Resource":
			writer.Resource = r.readResource(place, v)
		case "Parameters":
			writer.Arguments = r.template(place, v)
		case "Arguments":
			writer.Arguments = r.query("ResultWriter/Arguments", place, v)
		case "WriterConfig":
			o, ok := r.object(place, v)
			if !ok {
				continue
			}
			for name, v := range o.All() {
				switch name {
				case "Transformation":
					writer.Transformation, _ = r.among(place+"/"+name, name, v, "NONE", "COMPACT", "FLATTEN")
				case "OutputType":
					writer.OutputType, _ = r.among(place+"/"+name, name, v, "JSON", "JSONL")
				default:
					r.wrong(place, notSupported(name))
				}
			}
		}
	}
}

// readResource reads the resource of what lists items, or writes results, of a
// distributed Map.
func (r *reading) readResource(at string, v any) *Resource {
	text, ok := r.text(at, v)
	if !ok {
		return nil
	}
	resource := parseResource(text)
	if resource == nil || resource.Kind != Integration || resource.Service != "s3" {
		r.wrong(at, fmt.Sprintf(unknownResource, text))
		return nil
	}
	return resource
}
