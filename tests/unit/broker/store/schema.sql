CREATE INDEX ix_copies_event ON copies (event_id);

CREATE INDEX ix_copies_waiting ON copies (seq) WHERE ended_ms IS NULL;

CREATE INDEX ix_desk_drafts_case ON desk_drafts (case_key);

CREATE INDEX ix_desk_drafts_changed ON desk_drafts (changed_ms);

CREATE INDEX ix_desk_drafts_owner ON desk_drafts (owner, changed_ms);

CREATE INDEX ix_desk_events_case ON desk_events (case_key, seq);

CREATE INDEX ix_desk_events_critical ON desk_events (case_key) WHERE critical = 1;

CREATE INDEX ix_desk_events_expiring ON desk_events (expires_ms) WHERE content IS NOT NULL;

CREATE INDEX ix_desk_events_unconfirmed ON desk_events (seq) WHERE critical = 1 AND confirmed_ms IS NULL;

CREATE INDEX ix_desk_referrals_case ON desk_referrals (case_key);

CREATE INDEX ix_desk_referrals_critical ON desk_referrals (referral_id) WHERE critical = 1;

CREATE INDEX ix_disclosures_case ON disclosures (case_key) WHERE case_key IS NOT NULL;

CREATE INDEX ix_exports_open ON exports (looked_ms) WHERE NOT ended;

CREATE INDEX ix_figure_cases_minted ON figure_cases (agreement, minted_ms) WHERE minted_ms IS NOT NULL;

CREATE INDEX ix_figure_referrals_sent ON figure_referrals (agreement, sent_ms);

CREATE INDEX ix_figure_releases_period ON figure_releases (agreement, period, number);

CREATE INDEX ix_heartbeat_heads_heartbeat_id ON heartbeat_heads (heartbeat_id);

CREATE INDEX ix_inbox_clear_id ON inbox (source, clear_id) WHERE clear_id IS NOT NULL;

CREATE INDEX ix_inbox_discarded ON inbox (seq) WHERE discarded_ms IS NOT NULL;

CREATE INDEX ix_inbox_held ON inbox (seq) WHERE held_code IS NOT NULL;

CREATE INDEX ix_inbox_held_case ON inbox (case_key, seq) WHERE held_code IS NOT NULL;

CREATE INDEX ix_inbox_undelivered ON inbox (priority, seq) WHERE delivered_ms IS NULL;

CREATE INDEX ix_inbox_waiting_case ON inbox (case_key, seq) WHERE delivered_ms IS NULL;

CREATE INDEX ix_offers_event ON offers (inbox_seq, number);

CREATE INDEX ix_offers_open ON offers (inbox_seq) WHERE answered_ms IS NULL;

CREATE INDEX ix_outbox_content ON outbox (sent_ms) WHERE value IS NOT NULL AND sent_ms IS NOT NULL;

CREATE INDEX ix_outbox_held ON outbox (held_ms) WHERE held_code IS NOT NULL;

CREATE INDEX ix_outbox_pending ON outbox (priority, seq) WHERE generation IS NULL;

CREATE INDEX ix_outbox_unsent ON outbox (generation, idx) WHERE generation IS NOT NULL AND sent_ms IS NULL;

CREATE INDEX ix_quarantine_status ON quarantine (status, agency, bytes);

CREATE INDEX ix_reader_leaves_content_missing ON reader_leaves (generation_id, idx) WHERE status = 'content_missing';

CREATE INDEX ix_receipts_cosigner_time ON receipts (cosigner, time_s);

CREATE INDEX ix_receipts_origin_size ON receipts (origin, size);

CREATE INDEX ix_recipients_clear_id ON recipients (clear_id) WHERE clear_id IS NOT NULL;

CREATE INDEX ix_recipients_not_taken ON recipients (heard_ms) WHERE state IN ('put_aside', 'refused');

CREATE INDEX ix_referrals_case_id ON referrals (case_id);

CREATE INDEX ix_referrals_closed ON referrals (role, closed_ms, referral_id) WHERE closed_ms IS NOT NULL;

CREATE INDEX ix_referrals_due ON referrals (role, min(coalesce(acknowledge_by_ms, 4611686018427387904), coalesce(respond_by_ms, 4611686018427387904)), referral_id) WHERE closed_ms IS NULL;

CREATE INDEX ix_referrals_ended ON referrals (status) WHERE closed_ms IS NOT NULL;

CREATE INDEX ix_referrals_open ON referrals (made_ms) WHERE closed_ms IS NULL;

CREATE INDEX ix_referrals_partner ON referrals (role, counterparty) WHERE closed_ms IS NULL;

CREATE INDEX ix_requests_event_id ON requests (event_id) WHERE event_id IS NOT NULL;

CREATE INDEX ix_results_waiting ON results (agency, since_ms) WHERE report_ms IS NULL;

CREATE INDEX ix_union_cases_seen ON union_cases (agreement, seen_ms);

CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));

CREATE TABLE attempts (
	inbox_seq BIGINT NOT NULL, 
	tries INTEGER NOT NULL, 
	first_ms BIGINT NOT NULL, 
	next_ms BIGINT NOT NULL, 
	code VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_attempts PRIMARY KEY (inbox_seq)
)
 WITHOUT ROWID

;

CREATE TABLE case_sources (
	case_key BLOB NOT NULL, 
	source VARCHAR(100) NOT NULL, 
	CONSTRAINT pk_case_sources PRIMARY KEY (case_key, source)
)
 WITHOUT ROWID

;

CREATE TABLE copies (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	event_id VARCHAR(36) NOT NULL, 
	agency VARCHAR(200) NOT NULL, 
	case_key BLOB NOT NULL, 
	type VARCHAR(100) NOT NULL, 
	reason VARCHAR(64) NOT NULL, 
	content BLOB, 
	added_ms BIGINT NOT NULL, 
	expires_ms BIGINT NOT NULL, 
	due_ms BIGINT, 
	ended_ms BIGINT, 
	ended_code VARCHAR(64)
);

CREATE TABLE desk_drafts (
	draft_id VARCHAR(36) NOT NULL, 
	owner VARCHAR(200) NOT NULL, 
	version BIGINT NOT NULL, 
	case_key BLOB NOT NULL, 
	made_ms BIGINT NOT NULL, 
	changed_ms BIGINT NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_desk_drafts PRIMARY KEY (draft_id)
)
 WITHOUT ROWID

;

CREATE TABLE desk_events (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	source VARCHAR(200) NOT NULL, 
	event_id VARCHAR(36) NOT NULL, 
	type VARCHAR(100) NOT NULL, 
	case_key BLOB NOT NULL, 
	referral_id VARCHAR(36), 
	critical BOOLEAN NOT NULL, 
	received_ms BIGINT NOT NULL, 
	expires_ms BIGINT NOT NULL, 
	confirmed_ms BIGINT, 
	content BLOB, 
	CONSTRAINT uq_desk_events_source_event_id UNIQUE (source, event_id)
);

CREATE TABLE desk_referrals (
	referral_id VARCHAR(300) NOT NULL, 
	case_key BLOB NOT NULL, 
	service VARCHAR(64), 
	urgency VARCHAR(64), 
	critical BOOLEAN NOT NULL, 
	CONSTRAINT pk_desk_referrals PRIMARY KEY (referral_id)
)
 WITHOUT ROWID

;

CREATE TABLE disclosure_checkpoints (
	size BIGINT NOT NULL, 
	root BLOB NOT NULL, 
	time_s BIGINT NOT NULL, 
	text BLOB NOT NULL, 
	CONSTRAINT pk_disclosure_checkpoints PRIMARY KEY (size)
);

CREATE TABLE disclosures (
	idx INTEGER NOT NULL, 
	time_ms BIGINT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	case_key BLOB, 
	salt BLOB NOT NULL, 
	entry BLOB NOT NULL, 
	leaf BLOB NOT NULL, 
	CONSTRAINT pk_disclosures PRIMARY KEY (idx)
);

CREATE TABLE early_reports (
	agency VARCHAR(200) NOT NULL, 
	time_ms BIGINT NOT NULL, 
	value BLOB NOT NULL, 
	CONSTRAINT pk_early_reports PRIMARY KEY (agency, time_ms)
)
 WITHOUT ROWID

;

CREATE TABLE evidence (
	id INTEGER NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	origin VARCHAR(500) NOT NULL, 
	text_a BLOB NOT NULL, 
	text_b BLOB NOT NULL, 
	found_ms BIGINT NOT NULL, 
	CONSTRAINT pk_evidence PRIMARY KEY (id)
);

CREATE TABLE export_rows (
	sha256 BLOB NOT NULL, 
	line BIGINT NOT NULL, 
	event_id VARCHAR(36) NOT NULL, 
	CONSTRAINT pk_export_rows PRIMARY KEY (sha256, line, event_id)
)
 WITHOUT ROWID

;

CREATE TABLE exports (
	sha256 BLOB NOT NULL, 
	name TEXT NOT NULL, 
	added_ms BIGINT NOT NULL, 
	looked_ms BIGINT NOT NULL, 
	path TEXT, 
	written BLOB, 
	ended BOOLEAN NOT NULL, 
	CONSTRAINT pk_exports PRIMARY KEY (sha256)
)
 WITHOUT ROWID

;

CREATE TABLE figure_cases (
	case_key BLOB NOT NULL, 
	agreement VARCHAR(63), 
	minted_ms BIGINT, 
	CONSTRAINT pk_figure_cases PRIMARY KEY (case_key)
)
 WITHOUT ROWID

;

CREATE TABLE figure_counts (
	agreement VARCHAR(63) NOT NULL, 
	period VARCHAR(7) NOT NULL, 
	agency VARCHAR(63) NOT NULL, 
	time_ms BIGINT NOT NULL, 
	note BLOB NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_figure_counts PRIMARY KEY (agreement, period, agency)
);

CREATE TABLE figure_facts (
	case_key BLOB NOT NULL, 
	source VARCHAR(200) NOT NULL, 
	event_id VARCHAR(36) NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_figure_facts PRIMARY KEY (case_key, source, event_id)
)
 WITHOUT ROWID

;

CREATE TABLE figure_referral_facts (
	case_key BLOB NOT NULL, 
	agreement VARCHAR(63) NOT NULL, 
	source VARCHAR(200) NOT NULL, 
	event_id VARCHAR(36) NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_figure_referral_facts PRIMARY KEY (case_key, agreement, source, event_id)
)
 WITHOUT ROWID

;

CREATE TABLE figure_referrals (
	case_key BLOB NOT NULL, 
	agreement VARCHAR(63) NOT NULL, 
	event_id VARCHAR(36) NOT NULL, 
	sent_ms BIGINT NOT NULL, 
	CONSTRAINT pk_figure_referrals PRIMARY KEY (case_key, agreement, event_id)
)
 WITHOUT ROWID

;

CREATE TABLE figure_releases (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	agreement VARCHAR(63) NOT NULL, 
	period VARCHAR(7) NOT NULL, 
	made_ms BIGINT NOT NULL, 
	content BLOB NOT NULL
);

CREATE TABLE flow_hours (
	hour_ms BIGINT NOT NULL, 
	published BIGINT NOT NULL, 
	received BIGINT NOT NULL, 
	lags BLOB NOT NULL, 
	CONSTRAINT pk_flow_hours PRIMARY KEY (hour_ms)
);

CREATE TABLE generations (
	topic VARCHAR(249) NOT NULL, 
	partition INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	predecessor VARCHAR(64) NOT NULL, 
	predecessor_size BIGINT NOT NULL, 
	predecessor_root BLOB NOT NULL, 
	extra BLOB NOT NULL, 
	size BIGINT NOT NULL, 
	frontier BLOB NOT NULL, 
	root BLOB NOT NULL, 
	log_time_s BIGINT NOT NULL, 
	opened_ms BIGINT NOT NULL, 
	trial BOOLEAN NOT NULL, 
	CONSTRAINT pk_generations PRIMARY KEY (topic, partition, name)
);

CREATE TABLE heads (
	agency VARCHAR(100) NOT NULL, 
	heard_ms BIGINT NOT NULL, 
	log_size BIGINT NOT NULL, 
	log_root BLOB NOT NULL, 
	CONSTRAINT pk_heads PRIMARY KEY (agency)
);

CREATE TABLE heartbeat_heads (
	agency VARCHAR(100) NOT NULL, 
	topic VARCHAR(249) NOT NULL, 
	partition INTEGER NOT NULL, 
	generation VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	key_id BLOB NOT NULL, 
	time_ms BIGINT NOT NULL, 
	heartbeat_id INTEGER NOT NULL, 
	CONSTRAINT pk_heartbeat_heads PRIMARY KEY (agency, topic, partition, generation, size, key_id), 
	CONSTRAINT fk_heartbeat_heads_heartbeat_id FOREIGN KEY(heartbeat_id) REFERENCES heartbeats (id)
);

CREATE TABLE heartbeats (
	id INTEGER NOT NULL, 
	agency VARCHAR(100) NOT NULL, 
	time_ms BIGINT NOT NULL, 
	note BLOB NOT NULL, 
	CONSTRAINT pk_heartbeats PRIMARY KEY (id)
);

CREATE TABLE inbox (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	source VARCHAR(200) NOT NULL, 
	event_id VARCHAR(36) NOT NULL, 
	clear_id VARCHAR(36), 
	type VARCHAR(100) NOT NULL, 
	received_ms BIGINT NOT NULL, 
	topic VARCHAR(249) NOT NULL, 
	partition INTEGER NOT NULL, 
	generation VARCHAR(64) NOT NULL, 
	idx BIGINT NOT NULL, 
	payload BLOB, 
	digests BLOB NOT NULL, 
	case_key BLOB NOT NULL, 
	priority INTEGER NOT NULL, 
	delivered_ms BIGINT, 
	sink_reference TEXT, 
	held_code VARCHAR(64), 
	held_field VARCHAR(200), 
	held_detail TEXT, 
	held_ms BIGINT, 
	holds_case BOOLEAN, 
	tries INTEGER DEFAULT '0' NOT NULL, 
	discarded_code VARCHAR(64), 
	discarded_ms BIGINT, 
	CONSTRAINT uq_inbox_source_event_id UNIQUE (source, event_id)
);

CREATE TABLE items (
	source_key BLOB NOT NULL, 
	event_id VARCHAR(36), 
	outcome VARCHAR(16) NOT NULL, 
	code VARCHAR(64), 
	added_ms BIGINT NOT NULL, 
	CONSTRAINT pk_items PRIMARY KEY (source_key)
)
 WITHOUT ROWID

;

CREATE TABLE lease (
	name VARCHAR(200) NOT NULL, 
	token BIGINT NOT NULL, 
	holder VARCHAR(200) NOT NULL, 
	taken_ms BIGINT NOT NULL, 
	CONSTRAINT pk_lease PRIMARY KEY (name)
);

CREATE TABLE links (
	kind VARCHAR(32) NOT NULL, 
	own_reference VARCHAR(200) NOT NULL, 
	shared_id VARCHAR(36) NOT NULL, 
	CONSTRAINT pk_links PRIMARY KEY (kind, own_reference), 
	CONSTRAINT uq_links_kind_shared_id UNIQUE (kind, shared_id)
);

CREATE TABLE listings (
	agency VARCHAR(63) NOT NULL, 
	time_ms BIGINT NOT NULL, 
	note BLOB, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_listings PRIMARY KEY (agency)
);

CREATE TABLE log_reasons (
	sha256 BLOB NOT NULL, 
	sealed BLOB NOT NULL, 
	CONSTRAINT pk_log_reasons PRIMARY KEY (sha256)
);

CREATE TABLE meta (
	name VARCHAR(200) NOT NULL, 
	value BLOB NOT NULL, 
	CONSTRAINT pk_meta PRIMARY KEY (name)
);

CREATE TABLE named_manifests (
	agency VARCHAR(100) NOT NULL, 
	delegation BIGINT NOT NULL, 
	version BIGINT NOT NULL, 
	hash BLOB NOT NULL, 
	lacking_since_ms BIGINT, 
	differs_contract BLOB, 
	differs_ours BLOB, 
	differs_theirs BLOB, 
	differs_since_ms BIGINT, 
	differs_last_ms BIGINT, 
	CONSTRAINT pk_named_manifests PRIMARY KEY (agency)
);

CREATE TABLE offers (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	inbox_seq BIGINT NOT NULL, 
	offered_ms BIGINT NOT NULL, 
	answered_ms BIGINT, 
	outcome VARCHAR(16), 
	reader VARCHAR(64)
);

CREATE TABLE outbox (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	event_id VARCHAR(36) NOT NULL, 
	clear_id VARCHAR(36), 
	topic VARCHAR(249) NOT NULL, 
	partition INTEGER NOT NULL, 
	value BLOB, 
	priority INTEGER NOT NULL, 
	added_ms BIGINT NOT NULL, 
	generation VARCHAR(64), 
	idx BIGINT, 
	leaf BLOB, 
	proof BLOB, 
	kafka_offset BIGINT, 
	sent_ms BIGINT, 
	held_code VARCHAR(64), 
	held_ms BIGINT, 
	CONSTRAINT uq_outbox_topic_partition_generation_idx UNIQUE (topic, partition, generation, idx)
);

CREATE TABLE quarantine (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	topic VARCHAR(249) NOT NULL, 
	partition INTEGER NOT NULL, 
	kafka_offset BIGINT NOT NULL, 
	origin VARCHAR(500) NOT NULL, 
	agency VARCHAR(100) NOT NULL, 
	idx BIGINT NOT NULL, 
	step FLOAT NOT NULL, 
	code VARCHAR(64) NOT NULL, 
	detail TEXT NOT NULL, 
	value BLOB NOT NULL, 
	headers_json TEXT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	added_ms BIGINT NOT NULL, 
	changed_ms BIGINT NOT NULL, 
	bytes BIGINT NOT NULL
);

CREATE TABLE reader_checkpoints (
	generation_id INTEGER NOT NULL, 
	size BIGINT NOT NULL, 
	root BLOB NOT NULL, 
	time_s BIGINT NOT NULL, 
	lowest_index BIGINT NOT NULL, 
	text BLOB NOT NULL, 
	CONSTRAINT pk_reader_checkpoints PRIMARY KEY (generation_id, size), 
	CONSTRAINT fk_reader_checkpoints_generation_id FOREIGN KEY(generation_id) REFERENCES reader_generations (id)
);

CREATE TABLE reader_deferred (
	topic VARCHAR(249) NOT NULL, 
	partition INTEGER NOT NULL, 
	agency VARCHAR(100) NOT NULL, 
	kafka_offset BIGINT NOT NULL, 
	reason VARCHAR(64) NOT NULL, 
	since_ms BIGINT NOT NULL, 
	CONSTRAINT pk_reader_deferred PRIMARY KEY (topic, partition, agency)
);

CREATE TABLE reader_gaps (
	agency VARCHAR(100) NOT NULL, 
	topic VARCHAR(249) NOT NULL, 
	partition INTEGER NOT NULL, 
	generation VARCHAR(64) NOT NULL, 
	first BIGINT NOT NULL, 
	last BIGINT NOT NULL, 
	body BLOB NOT NULL, 
	CONSTRAINT pk_reader_gaps PRIMARY KEY (agency, topic, partition, generation, first)
)
 WITHOUT ROWID

;

CREATE TABLE reader_generations (
	id INTEGER NOT NULL, 
	agency VARCHAR(100) NOT NULL, 
	topic VARCHAR(249) NOT NULL, 
	partition INTEGER NOT NULL, 
	generation VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_reader_generations PRIMARY KEY (id), 
	CONSTRAINT uq_reader_generations_agency_topic_partition_generation UNIQUE (agency, topic, partition, generation)
);

CREATE TABLE reader_leaves (
	generation_id INTEGER NOT NULL, 
	idx BIGINT NOT NULL, 
	leaf BLOB NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	CONSTRAINT pk_reader_leaves PRIMARY KEY (generation_id, idx), 
	CONSTRAINT fk_reader_leaves_generation_id FOREIGN KEY(generation_id) REFERENCES reader_generations (id)
)
 WITHOUT ROWID

;

CREATE TABLE reader_positions (
	topic VARCHAR(249) NOT NULL, 
	partition INTEGER NOT NULL, 
	next_offset BIGINT NOT NULL, 
	CONSTRAINT pk_reader_positions PRIMARY KEY (topic, partition)
);

CREATE TABLE reader_states (
	agency VARCHAR(100) NOT NULL, 
	topic VARCHAR(249) NOT NULL, 
	partition INTEGER NOT NULL, 
	version BIGINT NOT NULL, 
	state BLOB NOT NULL, 
	bytes BIGINT NOT NULL, 
	gaps BIGINT NOT NULL, 
	stopped BOOLEAN NOT NULL, 
	CONSTRAINT pk_reader_states PRIMARY KEY (agency, topic, partition)
);

CREATE TABLE receipts (
	id INTEGER NOT NULL, 
	origin VARCHAR(500) NOT NULL, 
	size BIGINT NOT NULL, 
	root BLOB NOT NULL, 
	cosigner VARCHAR(200) NOT NULL, 
	time_s BIGINT NOT NULL, 
	text BLOB NOT NULL, 
	CONSTRAINT pk_receipts PRIMARY KEY (id), 
	CONSTRAINT uq_receipts_origin_cosigner_size_root UNIQUE (origin, cosigner, size, root)
);

CREATE TABLE recipients (
	event_id VARCHAR(36) NOT NULL, 
	agency VARCHAR(200) NOT NULL, 
	clear_id VARCHAR(36), 
	outbox_seq BIGINT, 
	report_every_ms BIGINT, 
	state VARCHAR(16), 
	code VARCHAR(64), 
	since_ms BIGINT, 
	heard_ms BIGINT, 
	added_ms BIGINT NOT NULL, 
	CONSTRAINT pk_recipients PRIMARY KEY (event_id, agency)
)
 WITHOUT ROWID

;

CREATE TABLE referrals (
	referral_id VARCHAR(36) NOT NULL, 
	case_id VARCHAR(36) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	counterparty VARCHAR(100) NOT NULL, 
	status VARCHAR(32) NOT NULL, 
	business_status VARCHAR(64), 
	version BIGINT NOT NULL, 
	made_ms BIGINT NOT NULL, 
	acknowledge_by_ms BIGINT, 
	respond_by_ms BIGINT, 
	updated_ms BIGINT NOT NULL, 
	closed_ms BIGINT, 
	event_source VARCHAR(200) NOT NULL, 
	event_id VARCHAR(36) NOT NULL, 
	CONSTRAINT pk_referrals PRIMARY KEY (referral_id)
);

CREATE TABLE refused_rows (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	item VARCHAR(320) NOT NULL, 
	code VARCHAR(64) NOT NULL, 
	field VARCHAR(255), 
	detail TEXT NOT NULL, 
	held_ms BIGINT NOT NULL, 
	retry_ms BIGINT, 
	CONSTRAINT uq_refused_rows_item UNIQUE (item)
);

CREATE TABLE reports (
	agency VARCHAR(200) NOT NULL, 
	made_ms BIGINT, 
	sent_ms BIGINT, 
	heard_ms BIGINT, 
	CONSTRAINT pk_reports PRIMARY KEY (agency)
)
 WITHOUT ROWID

;

CREATE TABLE requests (
	request_key BLOB NOT NULL, 
	body_digest BLOB NOT NULL, 
	answer BLOB, 
	added_ms BIGINT NOT NULL, 
	event_id VARCHAR(36), 
	outbox_after BIGINT, 
	outbox_last BIGINT, 
	CONSTRAINT pk_requests PRIMARY KEY (request_key)
)
 WITHOUT ROWID

;

CREATE TABLE results (
	agency VARCHAR(200) NOT NULL, 
	event_id VARCHAR(36) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	code VARCHAR(64) NOT NULL, 
	since_ms BIGINT NOT NULL, 
	report_ms BIGINT, 
	CONSTRAINT pk_results PRIMARY KEY (agency, event_id)
)
 WITHOUT ROWID

;

CREATE TABLE sqlite_sequence(name,seq);

CREATE TABLE told_notices (
	way VARCHAR(16) NOT NULL, 
	"key" VARCHAR(400) NOT NULL, 
	told_ms BIGINT NOT NULL, 
	CONSTRAINT pk_told_notices PRIMARY KEY (way, "key")
);

CREATE TABLE unauthenticated (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	topic VARCHAR(249) NOT NULL, 
	partition INTEGER NOT NULL, 
	kafka_offset BIGINT NOT NULL, 
	sha256 BLOB NOT NULL, 
	code VARCHAR(64) NOT NULL, 
	seen_ms BIGINT NOT NULL
);

CREATE TABLE union_cases (
	case_key BLOB NOT NULL, 
	agreement VARCHAR(63) NOT NULL, 
	seen_ms BIGINT NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_union_cases PRIMARY KEY (case_key)
)
 WITHOUT ROWID

;

CREATE TABLE union_statements (
	agreement VARCHAR(63) NOT NULL, 
	period VARCHAR(7) NOT NULL, 
	part VARCHAR(6) NOT NULL, 
	agency VARCHAR(63) NOT NULL, 
	time_ms BIGINT NOT NULL, 
	note BLOB NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_union_statements PRIMARY KEY (agreement, period, part, agency)
);

