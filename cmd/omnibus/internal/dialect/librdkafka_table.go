package dialect

// Why a setting changes nothing, or is refused, where several have the same reason.
const (
	whyVersions  = "brokers are asked what they speak, always: Kafka 2.1 and newer"
	whyUnsigned  = "a token that nobody signed is for tests: use sasl.oauthbearer.method=oidc with a token endpoint"
	whyAssertion = "an identity provider is asked with a client id and a secret only, not with assertions"
	whyTelling   = "omnibus tells on standard error, and its figures with --summary"
	whyConsumer  = "it is a consumer's"
)

// librdkafkaRules are the settings of librdkafka 2.15 that a file can have; those of its consumer that Kafka's own has, too,
// are not repeated here.
var librdkafkaRules = map[string]rule{
	// Where and who.
	"bootstrap.servers":    {to: "bootstrap.servers", turn: withPorts},
	"metadata.broker.list": {alias: "bootstrap.servers"},
	"client.id":            {to: "client.id"},
	"client.rack":          {to: "client.rack"},
	"client.dns.lookup":    {to: "client.dns.lookup"},

	// Guarantees.
	"acks":                                  {to: "acks"},
	"request.required.acks":                 {alias: "acks"},
	"enable.idempotence":                    {to: "enable.idempotence", turn: switched},
	"enable.gapless.guarantee":              {to: "omnibus.halt.on.failure", turn: switched},
	"retries":                               {to: "retries"},
	"message.send.max.retries":              {alias: "retries"},
	"retry.backoff.ms":                      {to: "retry.backoff.ms"},
	"retry.backoff.max.ms":                  {to: "retry.backoff.max.ms"},
	"max.in.flight":                         {},
	"max.in.flight.requests.per.connection": {alias: "max.in.flight"},
	"partitioner":                           {to: "partitioner.class"},
	"queuing.strategy":                      {refused: "the newest first is not to be had: leave it out", unless: []string{"fifo"}},
	"transactional.id":                      {to: "transactional.id"},
	"transaction.timeout.ms":                {to: "transaction.timeout.ms"},

	// Batches and memory.
	"queue.buffering.max.ms":                 {to: "linger.ms", turn: wholeMillis},
	"linger.ms":                              {alias: "queue.buffering.max.ms"},
	"queue.buffering.max.kbytes":             {to: "buffer.memory", turn: kilobytes},
	"queue.buffering.max.messages":           {idle: "what waits is bounded by bytes: queue.buffering.max.kbytes"},
	"queue.buffering.backpressure.threshold": {idle: "batches grow while requests are in flight, without a threshold"},
	"batch.size":                             {to: "batch.size"},
	"batch.num.messages":                     {},
	"message.max.bytes":                      {to: "max.request.size"},
	"message.copy.max.bytes":                 {idle: "every record is copied into its batch"},
	"receive.message.max.bytes":              {idle: "what an answer may take is bounded by what was asked"},
	"compression.codec":                      {},
	"compression.type":                       {alias: "compression.codec"},
	"compression.level":                      {},
	"sticky.partitioning.linger.ms":          {idle: "records without a key change the partition with every batch: batch.size"},
	"delivery.report.only.error":             {idle: "every record's outcome is counted", unless: []string{"false"}},
	"produce.offset.report":                  {idle: "offsets are always told"},

	// Time.
	"message.timeout.ms":  {},
	"delivery.timeout.ms": {alias: "message.timeout.ms"},
	"request.timeout.ms":  {},
	"socket.timeout.ms":   {},

	// Connections.
	"socket.send.buffer.bytes":           {to: "send.buffer.bytes", turn: nullIs("-1")},
	"socket.receive.buffer.bytes":        {to: "receive.buffer.bytes", turn: nullIs("-1")},
	"socket.connection.setup.timeout.ms": {to: "socket.connection.setup.timeout.ms"},
	"connections.max.idle.ms":            {to: "connections.max.idle.ms", turn: nullIs("-1")},
	"reconnect.backoff.ms":               {},
	"reconnect.backoff.max.ms":           {},
	"reconnect.backoff.jitter.ms":        {idle: "pauses vary by a fifth"},
	"socket.keepalive.enable":            {idle: "keep-alives are sent, always", unless: []string{"true"}},
	"socket.nagle.disable":               {idle: "Nagle's algorithm is off, always", unless: []string{"true"}},
	"socket.max.fails":                   {idle: "a request without an answer closes its connection", unless: []string{"1"}},
	"socket.blocking.max.ms":             {idle: "librdkafka does not use it any more"},
	"broker.address.ttl":                 {idle: "names are looked up for each connection"},
	"broker.address.family":              {idle: "addresses of both families are tried in turn: name the brokers by address to choose", unless: []string{"any"}},
	"broker.version.fallback":            {idle: whyVersions},
	"api.version.request":                {idle: whyVersions, unless: []string{"true"}},
	"api.version.request.timeout.ms":     {idle: whyVersions},
	"api.version.fallback.ms":            {idle: whyVersions},

	// Metadata.
	"topic.metadata.refresh.interval.ms":       {to: "metadata.max.age.ms", turn: never},
	"metadata.max.age.ms":                      {idle: "what is known of topics is kept while it is refreshed: topic.metadata.refresh.interval.ms says how often"},
	"metadata.recovery.strategy":               {to: "metadata.recovery.strategy"},
	"metadata.recovery.rebootstrap.trigger.ms": {to: "metadata.recovery.rebootstrap.trigger.ms"},
	"topic.metadata.refresh.fast.interval.ms":  {idle: "the pause is retry.backoff.ms"},
	"topic.metadata.refresh.fast.cnt":          {idle: "librdkafka does not use it any more"},
	"topic.metadata.refresh.sparse":            {idle: "only topics in use are asked for", unless: []string{"true"}},
	"topic.metadata.propagation.max.ms":        {idle: "a topic that is not there yet is waited for as long as max.block.ms says"},
	"topic.blacklist":                          {idle: "only topics in use are looked at"},

	// TLS.
	"security.protocol":         {to: "security.protocol"},
	"ssl.cipher.suites":         {to: "ssl.cipher.suites", turn: namesOfSuites},
	"ssl.curves.list":           {idle: "crypto/tls chooses the curves"},
	"ssl.sigalgs.list":          {idle: "crypto/tls chooses the signatures"},
	"ssl.ca.location":           {to: "ssl.truststore.location", turn: authorities},
	"ssl.ca.pem":                {to: "ssl.truststore.certificates", turn: inlinePEM},
	"ssl.ca.certificate.stores": {idle: "the system's authorities are believed unless ssl.ca.location names others"},
	"ssl.certificate.location":  {},
	"ssl.certificate.pem":       {},
	"ssl.key.location":          {},
	"ssl.key.pem":               {},
	"ssl.key.password":          {to: "ssl.key.password"},
	"ssl.keystore.location":     {to: "ssl.keystore.location"},
	"ssl.keystore.password":     {to: "ssl.keystore.password"},
	"ssl.crl.location":          {refused: "lists of revoked certificates are not read: leave it out if it may be"},
	"ssl.providers":             {idle: "OpenSSL is not used"},
	"ssl.engine.location":       {refused: "OpenSSL is not used, and keys in hardware cannot be reached: use a key in a file"},
	"ssl.engine.id":             {idle: "OpenSSL is not used"},
	"enable.ssl.certificate.verification": {refused: "a broker that nobody checks may be anybody: name the authority that signed its certificate with ssl.ca.location " +
		"(omnibus doctor shows which), and turn off no more than the name, with ssl.endpoint.identification.algorithm=none", unless: []string{"true", "t", "1"}},
	"ssl.endpoint.identification.algorithm": {to: "ssl.endpoint.identification.algorithm", turn: hostCheck},
	"https.ca.location":                     {},
	"https.ca.pem":                          {},

	// SASL.
	"sasl.mechanism":                                    {to: "sasl.mechanism"},
	"sasl.mechanisms":                                   {alias: "sasl.mechanism"},
	"sasl.username":                                     {},
	"sasl.password":                                     {},
	"sasl.kerberos.service.name":                        {to: "sasl.kerberos.service.name"},
	"sasl.kerberos.principal":                           {},
	"sasl.kerberos.keytab":                              {},
	"sasl.kerberos.kinit.cmd":                           {idle: "no command is run: the key table is read (sasl.kerberos.keytab), or the tickets that kinit left"},
	"sasl.kerberos.min.time.before.relogin":             {idle: "a login is made when a connection needs one"},
	"sasl.oauthbearer.method":                           {refused: "tokens come from a token endpoint: say oidc", unless: []string{"oidc"}},
	"sasl.oauthbearer.config":                           {refused: whyUnsigned},
	"enable.sasl.oauthbearer.unsecure.jwt":              {refused: whyUnsigned, unless: []string{"false", "f", "0"}},
	"sasl.oauthbearer.client.id":                        {to: "sasl.oauthbearer.client.credentials.client.id"},
	"sasl.oauthbearer.client.credentials.client.id":     {alias: "sasl.oauthbearer.client.id"},
	"sasl.oauthbearer.client.secret":                    {to: "sasl.oauthbearer.client.credentials.client.secret"},
	"sasl.oauthbearer.client.credentials.client.secret": {alias: "sasl.oauthbearer.client.secret"},
	"sasl.oauthbearer.scope":                            {to: "sasl.oauthbearer.scope"},
	"sasl.oauthbearer.extensions":                       {},
	"sasl.oauthbearer.token.endpoint.url":               {to: "sasl.oauthbearer.token.endpoint.url"},
	"sasl.oauthbearer.grant.type":                       {refused: "an identity provider is asked with a client id and a secret only: leave it out", unless: []string{"client_credentials"}},
	"sasl.oauthbearer.assertion.private.key.pem":        {refused: whyAssertion},
	"sasl.oauthbearer.assertion.jwt.template.file":      {refused: whyAssertion},
	"sasl.oauthbearer.metadata.authentication.type":     {refused: "no cloud's metadata service is asked for tokens: use a client id and a secret, or set Config.SASL in a program", unless: []string{"none"}},

	// What librdkafka tells, and how it works.
	"debug":                       {idle: "omnibus doctor and --summary tell what goes on"},
	"log_level":                   {idle: whyTelling},
	"log.queue":                   {idle: whyTelling},
	"log.thread.name":             {idle: whyTelling},
	"log.connection.close":        {idle: whyTelling},
	"statistics.interval.ms":      {idle: whyTelling, unless: []string{"0"}},
	"enable.metrics.push":         {to: "enable.metrics.push", turn: switched},
	"enable.random.seed":          {idle: "random numbers seed themselves"},
	"enabled_events":              {idle: "it is librdkafka's own interface"},
	"internal.termination.signal": {idle: "no signal ends threads here"},
	"builtin.features":            {idle: "all features are built in"},
	"client.software.name":        {idle: "brokers are told omnibus and its version"},
	"client.software.version":     {idle: "brokers are told omnibus and its version"},
	"enable.sparse.connections":   {idle: "only brokers that lead something are connected to", unless: []string{"true"}},
	"metadata.request.timeout.ms": {idle: "questions are bounded as all requests are: socket.timeout.ms"},
	"test.mock.num.brokers":       {refused: "omnibus has its own: --embedded"},
	"test.mock.broker.rtt":        {refused: "omnibus has its own: --embedded"},
	"plugin.library.paths":        {idle: "libraries of C cannot be loaded"},

	// Its consumer's.
	"coordinator.query.interval.ms": {idle: whyConsumer},
	"enable.auto.commit":            {idle: whyConsumer},
	"auto.commit.enable":            {idle: whyConsumer},
	"enable.auto.offset.store":      {idle: whyConsumer},
	"enable.partition.eof":          {idle: whyConsumer},
	"fetch.error.backoff.ms":        {idle: whyConsumer},
	"fetch.message.max.bytes":       {idle: whyConsumer},
	"fetch.queue.backoff.ms":        {idle: whyConsumer},
	"fetch.wait.max.ms":             {idle: whyConsumer},
	"group.protocol.type":           {idle: whyConsumer},
	"offset.store.method":           {idle: whyConsumer},
	"offset.store.path":             {idle: whyConsumer},
	"offset.store.sync.interval.ms": {idle: whyConsumer},
	"queued.max.messages.kbytes":    {idle: whyConsumer},
	"queued.min.messages":           {idle: whyConsumer},
	"consume.callback.max.messages": {idle: whyConsumer},
}

// librdkafkaSecrets are the ones that nobody may read.
var librdkafkaSecrets = []string{
	"sasl.password", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.assertion.private.key.passphrase",
	"sasl.oauthbearer.assertion.private.key.pem", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password",
}

// librdkafkaDefaults are those that are not Java's, by Java's names.
var librdkafkaDefaults = map[string]string{
	"batch.size":                            "1000000; here a batch of a busy partition grows to omnibus.batch.size.max",
	"buffer.memory":                         "1073741824",
	"connections.max.idle.ms":               "-1",
	"delivery.timeout.ms":                   "300000",
	"enable.idempotence":                    "false, which lets retries write twice and out of order",
	"max.in.flight.requests.per.connection": "1000000, without idempotence",
	"max.request.size":                      "1000000",
	"receive.buffer.bytes":                  "-1",
	"reconnect.backoff.max.ms":              "10000",
	"reconnect.backoff.ms":                  "100",
	"request.timeout.ms":                    "60000 (socket.timeout.ms)",
	"send.buffer.bytes":                     "-1",
	"socket.connection.setup.timeout.ms":    "30000",
}
