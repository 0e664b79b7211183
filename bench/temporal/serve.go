package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/testing/freeport"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
)

const (
	loopback  = "127.0.0.1"
	namespace = "bench"
	clustered = "active"
)

func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	data := flags.String("data", "", "folder of a store in SQLite, with synced commits")
	port := flags.Int("postgres", 0, "port of a PostgreSQL for the store, in place of a folder")
	if err := flags.Parse(args); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	var executions, visibility config.SQL
	shards := int32(1)
	if *port != 0 {
		shards = 4 // as in the settings that come with the server
		database := postgres{*port}
		executions, visibility = database.config(mainName, 20), database.config(visibilityName, 2)
		if err := database.makeSchemas(); err != nil {
			return err
		}
	} else {
		executions = config.SQL{
			PluginName:        sqlite.PluginName,
			DatabaseName:      filepath.Join(*data, "temporal.db"),
			ConnectAttributes: map[string]string{"mode": "rwc", "journal_mode": "wal", "synchronous": "full"},
		}
		visibility = executions
		if err := sqliteschema.SetupSchema(&executions); err != nil {
			return err
		}
	}
	made, err := sqliteschema.NewNamespaceConfig(clustered, namespace, false, nil)
	if err != nil {
		return err
	}
	if err := sqliteschema.CreateNamespaces(&executions, made); err != nil {
		return err
	}
	settings, listen := settings(executions, visibility, shards)
	server, err := newServer(settings)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	fmt.Printf("temporal listens on http://%s:%d \n", loopback, listen)
	<-stop
	// All is committed. A drain would take a minute and is not measured.
	ended := make(chan error, 1)
	go func() { ended <- server.Stop() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(3 * time.Second):
		return nil
	}
}

func newServer(settings *config.Config) (temporal.Server, error) {
	logger := log.NewZapLogger(log.BuildZapLogger(log.Config{Stdout: false, Level: "error"}))
	authorizer, err := authorization.GetAuthorizerFromConfig(&settings.Global.Authorization)
	if err != nil {
		return nil, err
	}
	claims, err := authorization.GetClaimMapperFromConfig(&settings.Global.Authorization, logger)
	if err != nil {
		return nil, err
	}
	return temporal.NewServer(
		temporal.WithConfig(settings),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorizer),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return claims }),
		temporal.WithDynamicConfigClient(unlimited()),
	)
}

// unlimited lifts the limits that the server puts on the rate of calls and of
// queries.
func unlimited() dynamicconfig.StaticClient {
	limits := dynamicconfig.StaticClient{
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): []dynamicconfig.ConstrainedValue{{Value: true}},
	}
	for _, name := range []string{
		"frontend.rps", "frontend.namespaceRPS", "frontend.namespaceCount", "history.rps", "matching.rps",
		"frontend.persistenceMaxQPS", "history.persistenceMaxQPS", "matching.persistenceMaxQPS",
		"system.visibilityPersistenceMaxReadQPS", "system.visibilityPersistenceMaxWriteQPS",
	} {
		limits[dynamicconfig.MakeKey(name)] = []dynamicconfig.ConstrainedValue{{Value: 1_000_000}}
	}
	return limits
}

// settings are those of one process with all services.
func settings(executions, visibility config.SQL, shards int32) (*config.Config, int) {
	port := freeport.MustGetFreePort()
	service := func(port int) config.Service {
		return config.Service{RPC: config.RPC{GRPCPort: port, MembershipPort: lowPort(), BindOnLocalHost: true}}
	}
	c := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     "main",
			VisibilityStore:  "visibility",
			NumHistoryShards: shards,
			DataStores:       map[string]config.DataStore{"main": {SQL: &executions}, "visibility": {SQL: &visibility}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clustered,
			CurrentClusterName:       clustered,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clustered: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: fmt.Sprintf("%s:%d", loopback, port)},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			"frontend": service(port),
			"history":  service(freeport.MustGetFreePort()),
			"matching": service(freeport.MustGetFreePort()),
			"worker":   service(freeport.MustGetFreePort()),
		},
		Archival: config.Archival{
			History:    config.HistoryArchival{State: "disabled"},
			Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
		PublicClient: config.PublicClient{HostPort: fmt.Sprintf("%s:%d", loopback, port)},
	}
	c.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: loopback}
	return c, port
}

// lowPort is a free port that fits the column in which PostgreSQL has it, a
// smallint.
func lowPort() int {
	for {
		port := 15000 + rand.IntN(1<<15-15000)
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		listener.Close()
		return port
	}
}
