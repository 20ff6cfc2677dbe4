// Facts of PostgreSQL's catalogs, read from a server by generate-catalog.ts: never edited by hand.
// One row a line; fields are separated by a space, '-' is an absent one, '_x' is the array type of x.

/** pg_type: name, category, 'p' when preferred in it. */
export const typeRows = `
bool B p
bytea U -
char Z -
name S -
int8 N -
int2 N -
int2vector A -
int4 N -
regproc N -
text S p
oid N p
tid U -
xid U -
cid U -
oidvector A -
json U -
xml U -
table_am_handler P -
index_am_handler P -
point G -
lseg G -
path G -
box G -
polygon G -
line G -
cidr I -
float4 N -
float8 N p
unknown X -
circle G -
macaddr8 U -
money N -
macaddr U -
inet I p
aclitem U -
bpchar S -
varchar S -
date D -
time D -
timestamp D -
timestamptz D p
interval T p
timetz D -
bit V -
varbit V p
numeric N -
refcursor U -
regprocedure N -
regoper N -
regoperator N -
regclass N -
regtype N -
record P -
cstring P -
any P -
anyarray P -
void P -
trigger P -
language_handler P -
internal P -
anyelement P -
anynonarray P -
uuid U -
txid_snapshot U -
fdw_handler P -
tsm_handler P -
anyenum P -
tsvector U -
tsquery U -
gtsvector U -
regconfig N -
regdictionary N -
jsonb U -
anyrange P -
event_trigger P -
int4range R -
numrange R -
tsrange R -
tstzrange R -
daterange R -
int8range R -
jsonpath U -
regnamespace N -
regrole N -
regcollation N -
int4multirange R -
nummultirange R -
tsmultirange R -
tstzmultirange R -
datemultirange R -
int8multirange R -
anymultirange P -
anycompatiblemultirange P -
xid8 U -
anycompatible P -
anycompatiblearray P -
anycompatiblenonarray P -
anycompatiblerange P -
`

/** pg_operator: name, left type, right type, result type, implementing function (pg_proc.prosrc), volatility. */
export const operatorRows = `
!~~ name text bool namenlike i
!~~ text text bool textnlike i
!~~ bpchar text bool textnlike i
!~~ bytea bytea bool byteanlike i
!~~* name text bool nameicnlike i
!~~* text text bool texticnlike i
!~~* bpchar text bool texticnlike i
# - path int4 path_npoints i
# box box box box_intersect i
# - polygon int4 poly_npoints i
# lseg lseg point lseg_interpt i
# line line point line_interpt i
# bit bit bit bitxor i
# int2 int2 int2 int2xor i
# int4 int4 int4 int4xor i
# int8 int8 int8 int8xor i
% int8 int8 int8 int8mod i
% int2 int2 int2 int2mod i
% int4 int4 int4 int4mod i
% numeric numeric numeric numeric_mod i
& bit bit bit bit_and i
& int2 int2 int2 int2and i
& int4 int4 int4 int4and i
& int8 int8 int8 int8and i
& inet inet inet inetand i
& macaddr macaddr macaddr macaddr_and i
& macaddr8 macaddr8 macaddr8 macaddr8_and i
&& polygon polygon bool poly_overlap i
&& box box bool box_overlap i
&& circle circle bool circle_overlap i
&& anyarray anyarray bool arrayoverlap i
&& anyrange anymultirange bool range_overlaps_multirange i
&& anymultirange anyrange bool multirange_overlaps_range i
&& anymultirange anymultirange bool multirange_overlaps_multirange i
&& inet inet bool network_overlap i
&& tsquery tsquery tsquery tsquery_and i
&& anyrange anyrange bool range_overlaps i
* int4 int4 int4 int4mul i
* int2 int2 int2 int2mul i
* int2 int4 int4 int24mul i
* int4 int2 int4 int42mul i
* float4 float4 float4 float4mul i
* float8 float8 float8 float8mul i
* int8 int8 int8 int8mul i
* int8 int4 int8 int84mul i
* int4 int8 int8 int48mul i
* point point point point_mul i
* path point path path_mul_pt i
* box point box box_mul i
* int8 int2 int8 int82mul i
* int2 int8 int8 int28mul i
* money float4 money cash_mul_flt4 i
* float4 money money flt4_mul_cash i
* money float8 money cash_mul_flt8 i
* money int4 money cash_mul_int4 i
* money int2 money cash_mul_int2 i
* float8 money money flt8_mul_cash i
* int4 money money int4_mul_cash i
* int2 money money int2_mul_cash i
* float4 float8 float8 float48mul i
* float8 float4 float8 float84mul i
* circle point circle circle_mul_pt i
* interval float8 interval interval_mul i
* float8 interval interval mul_d_interval i
* numeric numeric numeric numeric_mul i
* money int8 money cash_mul_int8 i
* int8 money money int8_mul_cash i
* anyrange anyrange anyrange range_intersect i
* anymultirange anymultirange anymultirange multirange_intersect i
+ int2 int2 int2 int2pl i
+ int4 int4 int4 int4pl i
+ int2 int4 int4 int24pl i
+ int4 int2 int4 int42pl i
+ float4 float4 float4 float4pl i
+ float8 float8 float8 float8pl i
+ int8 int8 int8 int8pl i
+ int8 int4 int8 int84pl i
+ int4 int8 int8 int48pl i
+ point point point point_add i
+ path path path path_add i
+ path point path path_add_pt i
+ box point box box_add i
+ int8 int2 int8 int82pl i
+ int2 int8 int8 int28pl i
+ money money money cash_pl i
+ _aclitem aclitem _aclitem aclinsert i
+ date interval timestamp date_pl_interval i
+ date int4 date date_pli i
+ float4 float8 float8 float48pl i
+ float8 float4 float8 float84pl i
+ timestamptz interval timestamptz timestamptz_pl_interval s
+ interval interval interval interval_pl i
+ date time timestamp datetime_timestamp i
+ date timetz timestamptz datetimetz_timestamptz i
+ time date timestamp sql i
+ timetz date timestamptz sql i
+ circle point circle circle_add_pt i
+ numeric numeric numeric numeric_add i
+ time interval time time_pl_interval i
+ timetz interval timetz timetz_pl_interval i
+ interval time time sql i
+ - int8 int8 int8up i
+ - int2 int2 int2up i
+ - int4 int4 int4up i
+ - float4 float4 float4up i
+ - float8 float8 float8up i
+ - numeric numeric numeric_uplus i
+ timestamp interval timestamp timestamp_pl_interval i
+ interval date timestamp sql i
+ interval timetz timetz sql i
+ interval timestamp timestamp sql i
+ interval timestamptz timestamptz sql s
+ int4 date date sql i
+ inet int8 inet inetpl i
+ int8 inet inet sql i
+ anyrange anyrange anyrange range_union i
+ anymultirange anymultirange anymultirange multirange_union i
+ pg_lsn numeric pg_lsn pg_lsn_pli i
+ numeric pg_lsn pg_lsn sql i
- - int8 int8 int8um i
- int2 int2 int2 int2mi i
- int4 int4 int4 int4mi i
- int2 int4 int4 int24mi i
- int4 int2 int4 int42mi i
- - int4 int4 int4um i
- - int2 int2 int2um i
- - float4 float4 float4um i
- - float8 float8 float8um i
- float4 float4 float4 float4mi i
- float8 float8 float8 float8mi i
- int8 int8 int8 int8mi i
- int8 int4 int8 int84mi i
- int4 int8 int8 int48mi i
- point point point point_sub i
- path point path path_sub_pt i
- box point box box_sub i
- int8 int2 int8 int82mi i
- int2 int8 int8 int28mi i
- money money money cash_mi i
- _aclitem aclitem _aclitem aclremove i
- date interval timestamp date_mi_interval i
- date date int4 date_mi i
- date int4 date date_mii i
- float4 float8 float8 float48mi i
- float8 float4 float8 float84mi i
- timestamptz timestamptz interval timestamp_mi i
- timestamptz interval timestamptz timestamptz_mi_interval s
- - interval interval interval_um i
- interval interval interval interval_mi i
- time time interval time_mi_time i
- circle point circle circle_sub_pt i
- - numeric numeric numeric_uminus i
- numeric numeric numeric numeric_sub i
- time interval time time_mi_interval i
- timetz interval timetz timetz_mi_interval i
- timestamp timestamp interval timestamp_mi i
- timestamp interval timestamp timestamp_mi_interval i
- inet int8 inet inetmi_int8 i
- inet inet int8 inetmi i
- pg_lsn pg_lsn numeric pg_lsn_mi i
- jsonb text jsonb jsonb_delete i
- jsonb int4 jsonb jsonb_delete_idx i
- jsonb _text jsonb jsonb_delete_array i
- anyrange anyrange anyrange range_minus i
- anymultirange anymultirange anymultirange multirange_minus i
- pg_lsn numeric pg_lsn pg_lsn_mii i
/ int2 int2 int2 int2div i
/ int4 int4 int4 int4div i
/ int2 int4 int4 int24div i
/ int4 int2 int4 int42div i
/ float4 float4 float4 float4div i
/ float8 float8 float8 float8div i
/ int8 int8 int8 int8div i
/ int8 int4 int8 int84div i
/ int4 int8 int8 int48div i
/ point point point point_div i
/ path point path path_div_pt i
/ box point box box_div i
/ int8 int2 int8 int82div i
/ int2 int8 int8 int28div i
/ money float4 money cash_div_flt4 i
/ money float8 money cash_div_flt8 i
/ money int4 money cash_div_int4 i
/ money int2 money cash_div_int2 i
/ float4 float8 float8 float48div i
/ float8 float4 float8 float84div i
/ circle point circle circle_div_pt i
/ interval float8 interval interval_div i
/ numeric numeric numeric numeric_div i
/ money int8 money cash_div_int8 i
/ money money float8 cash_div_cash i
< int4 int8 bool int48lt i
< bool bool bool boollt i
< int2 int2 bool int2lt i
< int4 int4 bool int4lt i
< name text bool namelttext i
< text name bool textltname i
< int8 int8 bool int8lt i
< int8 int4 bool int84lt i
< box box bool box_lt i
< int2 int4 bool int24lt i
< int4 int2 bool int42lt i
< oid oid bool oidlt i
< float4 float4 bool float4lt i
< char char bool charlt i
< oidvector oidvector bool oidvectorlt i
< name name bool namelt i
< text text bool text_lt i
< float8 float8 bool float8lt i
< path path bool path_n_lt i
< money money bool cash_lt i
< bpchar bpchar bool bpcharlt i
< anyarray anyarray bool array_lt i
< date date bool date_lt i
< time time bool time_lt i
< float4 float8 bool float48lt i
< float8 float4 bool float84lt i
< inet inet bool network_lt i
< macaddr macaddr bool macaddr_lt i
< timestamptz timestamptz bool timestamp_lt i
< interval interval bool interval_lt i
< circle circle bool circle_lt i
< timetz timetz bool timetz_lt i
< lseg lseg bool lseg_lt i
< numeric numeric bool numeric_lt i
< bit bit bool bitlt i
< varbit varbit bool bitlt i
< int2 int8 bool int28lt i
< int8 int2 bool int82lt i
< bytea bytea bool bytealt i
< timestamp timestamp bool timestamp_lt i
< date timestamp bool date_lt_timestamp i
< date timestamptz bool date_lt_timestamptz s
< timestamp date bool timestamp_lt_date i
< timestamptz date bool timestamptz_lt_date s
< timestamp timestamptz bool timestamp_lt_timestamptz s
< timestamptz timestamp bool timestamptz_lt_timestamp s
< tid tid bool tidlt i
< anymultirange anymultirange bool multirange_lt i
< uuid uuid bool uuid_lt i
< record record bool record_lt i
< pg_lsn pg_lsn bool pg_lsn_lt i
< jsonb jsonb bool jsonb_lt i
< macaddr8 macaddr8 bool macaddr8_lt i
< anyenum anyenum bool enum_lt i
< tsvector tsvector bool tsvector_lt i
< tsquery tsquery bool tsquery_lt i
< anyrange anyrange bool range_lt i
< xid8 xid8 bool xid8lt i
<< polygon polygon bool poly_left i
<< box box bool box_left i
<< point point bool point_left i
<< inet inet bool network_sub i
<< circle circle bool circle_left i
<< bit int4 bit bitshiftleft i
<< int2 int4 int2 int2shl i
<< int4 int4 int4 int4shl i
<< int8 int4 int8 int8shl i
<< anyrange anyrange bool range_before i
<< anyrange anymultirange bool range_before_multirange i
<< anymultirange anyrange bool multirange_before_range i
<< anymultirange anymultirange bool multirange_before_multirange i
<= int4 int8 bool int48le i
<= name text bool nameletext i
<= text name bool textlename i
<= int8 int8 bool int8le i
<= int8 int4 bool int84le i
<= box box bool box_le i
<= int2 int2 bool int2le i
<= int4 int4 bool int4le i
<= int2 int4 bool int24le i
<= int4 int2 bool int42le i
<= oid oid bool oidle i
<= float4 float4 bool float4le i
<= char char bool charle i
<= oidvector oidvector bool oidvectorle i
<= name name bool namele i
<= text text bool text_le i
<= float8 float8 bool float8le i
<= path path bool path_n_le i
<= money money bool cash_le i
<= bpchar bpchar bool bpcharle i
<= anyarray anyarray bool array_le i
<= date date bool date_le i
<= time time bool time_le i
<= float4 float8 bool float48le i
<= float8 float4 bool float84le i
<= inet inet bool network_le i
<= macaddr macaddr bool macaddr_le i
<= timestamptz timestamptz bool timestamp_le i
<= interval interval bool interval_le i
<= circle circle bool circle_le i
<= timetz timetz bool timetz_le i
<= lseg lseg bool lseg_le i
<= bool bool bool boolle i
<= numeric numeric bool numeric_le i
<= bit bit bool bitle i
<= varbit varbit bool bitle i
<= int2 int8 bool int28le i
<= int8 int2 bool int82le i
<= bytea bytea bool byteale i
<= timestamp timestamp bool timestamp_le i
<= date timestamp bool date_le_timestamp i
<= date timestamptz bool date_le_timestamptz s
<= timestamp date bool timestamp_le_date i
<= timestamptz date bool timestamptz_le_date s
<= timestamp timestamptz bool timestamp_le_timestamptz s
<= timestamptz timestamp bool timestamptz_le_timestamp s
<= tid tid bool tidle i
<= anymultirange anymultirange bool multirange_le i
<= uuid uuid bool uuid_le i
<= record record bool record_le i
<= pg_lsn pg_lsn bool pg_lsn_le i
<= jsonb jsonb bool jsonb_le i
<= macaddr8 macaddr8 bool macaddr8_le i
<= anyenum anyenum bool enum_le i
<= tsvector tsvector bool tsvector_le i
<= tsquery tsquery bool tsquery_le i
<= anyrange anyrange bool range_le i
<= xid8 xid8 bool xid8le i
<> int4 int8 bool int48ne i
<> bool bool bool boolne i
<> name text bool namenetext i
<> text name bool textnename i
<> tid tid bool tidne i
<> int8 int8 bool int8ne i
<> int8 int4 bool int84ne i
<> int4 int4 bool int4ne i
<> int2 int2 bool int2ne i
<> text text bool textne i
<> int2 int4 bool int24ne i
<> int4 int2 bool int42ne i
<> oid oid bool oidne i
<> float4 float4 bool float4ne i
<> char char bool charne i
<> name name bool namene i
<> oidvector oidvector bool oidvectorne i
<> float8 float8 bool float8ne i
<> point point bool point_ne i
<> money money bool cash_ne i
<> bpchar bpchar bool bpcharne i
<> anyarray anyarray bool array_ne i
<> date date bool date_ne i
<> time time bool time_ne i
<> float4 float8 bool float48ne i
<> float8 float4 bool float84ne i
<> inet inet bool network_ne i
<> macaddr macaddr bool macaddr_ne i
<> timestamptz timestamptz bool timestamp_ne i
<> interval interval bool interval_ne i
<> circle circle bool circle_ne i
<> timetz timetz bool timetz_ne i
<> lseg lseg bool lseg_ne i
<> numeric numeric bool numeric_ne i
<> bit bit bool bitne i
<> varbit varbit bool bitne i
<> int2 int8 bool int28ne i
<> int8 int2 bool int82ne i
<> bytea bytea bool byteane i
<> timestamp timestamp bool timestamp_ne i
<> date timestamp bool date_ne_timestamp i
<> date timestamptz bool date_ne_timestamptz s
<> timestamp date bool timestamp_ne_date i
<> timestamptz date bool timestamptz_ne_date s
<> timestamp timestamptz bool timestamp_ne_timestamptz s
<> timestamptz timestamp bool timestamptz_ne_timestamp s
<> anymultirange anymultirange bool multirange_ne i
<> uuid uuid bool uuid_ne i
<> record record bool record_ne i
<> pg_lsn pg_lsn bool pg_lsn_ne i
<> jsonb jsonb bool jsonb_ne i
<> xid xid bool xidneq i
<> xid int4 bool xidneq i
<> macaddr8 macaddr8 bool macaddr8_ne i
<> anyenum anyenum bool enum_ne i
<> tsvector tsvector bool tsvector_ne i
<> tsquery tsquery bool tsquery_ne i
<> anyrange anyrange bool range_ne i
<> xid8 xid8 bool xid8ne i
<@ polygon polygon bool poly_contained i
<@ box box bool box_contained i
<@ point box bool on_pb i
<@ point path bool on_ppath i
<@ point polygon bool pt_contained_poly i
<@ point circle bool pt_contained_circle i
<@ circle circle bool circle_contained i
<@ point line bool on_pl i
<@ point lseg bool on_ps i
<@ lseg line bool on_sl i
<@ lseg box bool on_sb i
<@ anyarray anyarray bool arraycontained i
<@ anyelement anymultirange bool elem_contained_by_multirange i
<@ anyrange anymultirange bool range_contained_by_multirange i
<@ anymultirange anymultirange bool multirange_contained_by_multirange i
<@ jsonb jsonb bool jsonb_contained i
<@ tsquery tsquery bool tsq_mcontained i
<@ anyelement anyrange bool elem_contained_by_range i
<@ anyrange anyrange bool range_contained_by i
<@ anymultirange anyrange bool multirange_contained_by_range i
= int4 int8 bool int48eq i
= bool bool bool booleq i
= char char bool chareq i
= name name bool nameeq i
= int2 int2 bool int2eq i
= int4 int4 bool int4eq i
= text text bool texteq i
= name text bool nameeqtext i
= text name bool texteqname i
= xid xid bool xideq i
= xid int4 bool xideq i
= cid cid bool cideq i
= tid tid bool tideq i
= int8 int8 bool int8eq i
= int8 int4 bool int84eq i
= box box bool box_eq i
= int2 int4 bool int24eq i
= int4 int2 bool int42eq i
= oid oid bool oideq i
= float4 float4 bool float4eq i
= oidvector oidvector bool oidvectoreq i
= float8 float8 bool float8eq i
= path path bool path_n_eq i
= money money bool cash_eq i
= aclitem aclitem bool aclitem_eq i
= bpchar bpchar bool bpchareq i
= anyarray anyarray bool array_eq i
= date date bool date_eq i
= time time bool time_eq i
= float4 float8 bool float48eq i
= float8 float4 bool float84eq i
= inet inet bool network_eq i
= macaddr macaddr bool macaddr_eq i
= timestamptz timestamptz bool timestamp_eq i
= interval interval bool interval_eq i
= circle circle bool circle_eq i
= lseg lseg bool lseg_eq i
= timetz timetz bool timetz_eq i
= line line bool line_eq i
= numeric numeric bool numeric_eq i
= bit bit bool biteq i
= varbit varbit bool biteq i
= int2 int8 bool int28eq i
= int8 int2 bool int82eq i
= bytea bytea bool byteaeq i
= timestamp timestamp bool timestamp_eq i
= date timestamp bool date_eq_timestamp i
= date timestamptz bool date_eq_timestamptz s
= timestamp date bool timestamp_eq_date i
= timestamptz date bool timestamptz_eq_date s
= timestamp timestamptz bool timestamp_eq_timestamptz s
= timestamptz timestamp bool timestamptz_eq_timestamp s
= anymultirange anymultirange bool multirange_eq i
= uuid uuid bool uuid_eq i
= record record bool record_eq i
= pg_lsn pg_lsn bool pg_lsn_eq i
= jsonb jsonb bool jsonb_eq i
= macaddr8 macaddr8 bool macaddr8_eq i
= anyenum anyenum bool enum_eq i
= tsvector tsvector bool tsvector_eq i
= tsquery tsquery bool tsquery_eq i
= anyrange anyrange bool range_eq i
= xid8 xid8 bool xid8eq i
> bool bool bool boolgt i
> int4 int8 bool int48gt i
> name text bool namegttext i
> text name bool textgtname i
> int8 int8 bool int8gt i
> int8 int4 bool int84gt i
> box box bool box_gt i
> int2 int2 bool int2gt i
> int4 int4 bool int4gt i
> int2 int4 bool int24gt i
> int4 int2 bool int42gt i
> oid oid bool oidgt i
> float4 float4 bool float4gt i
> char char bool chargt i
> oidvector oidvector bool oidvectorgt i
> name name bool namegt i
> text text bool text_gt i
> float8 float8 bool float8gt i
> path path bool path_n_gt i
> money money bool cash_gt i
> bpchar bpchar bool bpchargt i
> anyarray anyarray bool array_gt i
> date date bool date_gt i
> time time bool time_gt i
> float4 float8 bool float48gt i
> float8 float4 bool float84gt i
> inet inet bool network_gt i
> macaddr macaddr bool macaddr_gt i
> timestamptz timestamptz bool timestamp_gt i
> interval interval bool interval_gt i
> circle circle bool circle_gt i
> timetz timetz bool timetz_gt i
> lseg lseg bool lseg_gt i
> numeric numeric bool numeric_gt i
> bit bit bool bitgt i
> varbit varbit bool bitgt i
> int2 int8 bool int28gt i
> int8 int2 bool int82gt i
> bytea bytea bool byteagt i
> timestamp timestamp bool timestamp_gt i
> date timestamp bool date_gt_timestamp i
> date timestamptz bool date_gt_timestamptz s
> timestamp date bool timestamp_gt_date i
> timestamptz date bool timestamptz_gt_date s
> timestamp timestamptz bool timestamp_gt_timestamptz s
> timestamptz timestamp bool timestamptz_gt_timestamp s
> tid tid bool tidgt i
> anymultirange anymultirange bool multirange_gt i
> uuid uuid bool uuid_gt i
> record record bool record_gt i
> pg_lsn pg_lsn bool pg_lsn_gt i
> jsonb jsonb bool jsonb_gt i
> macaddr8 macaddr8 bool macaddr8_gt i
> anyenum anyenum bool enum_gt i
> tsvector tsvector bool tsvector_gt i
> tsquery tsquery bool tsquery_gt i
> anyrange anyrange bool range_gt i
> xid8 xid8 bool xid8gt i
>= int4 int8 bool int48ge i
>= name text bool namegetext i
>= text name bool textgename i
>= int8 int8 bool int8ge i
>= int8 int4 bool int84ge i
>= box box bool box_ge i
>= int2 int2 bool int2ge i
>= int4 int4 bool int4ge i
>= int2 int4 bool int24ge i
>= int4 int2 bool int42ge i
>= oid oid bool oidge i
>= float4 float4 bool float4ge i
>= char char bool charge i
>= oidvector oidvector bool oidvectorge i
>= name name bool namege i
>= text text bool text_ge i
>= float8 float8 bool float8ge i
>= path path bool path_n_ge i
>= money money bool cash_ge i
>= bpchar bpchar bool bpcharge i
>= anyarray anyarray bool array_ge i
>= date date bool date_ge i
>= time time bool time_ge i
>= float4 float8 bool float48ge i
>= float8 float4 bool float84ge i
>= inet inet bool network_ge i
>= macaddr macaddr bool macaddr_ge i
>= timestamptz timestamptz bool timestamp_ge i
>= interval interval bool interval_ge i
>= circle circle bool circle_ge i
>= timetz timetz bool timetz_ge i
>= lseg lseg bool lseg_ge i
>= bool bool bool boolge i
>= numeric numeric bool numeric_ge i
>= bit bit bool bitge i
>= varbit varbit bool bitge i
>= int2 int8 bool int28ge i
>= int8 int2 bool int82ge i
>= bytea bytea bool byteage i
>= timestamp timestamp bool timestamp_ge i
>= date timestamp bool date_ge_timestamp i
>= date timestamptz bool date_ge_timestamptz s
>= timestamp date bool timestamp_ge_date i
>= timestamptz date bool timestamptz_ge_date s
>= timestamp timestamptz bool timestamp_ge_timestamptz s
>= timestamptz timestamp bool timestamptz_ge_timestamp s
>= tid tid bool tidge i
>= anymultirange anymultirange bool multirange_ge i
>= uuid uuid bool uuid_ge i
>= record record bool record_ge i
>= pg_lsn pg_lsn bool pg_lsn_ge i
>= jsonb jsonb bool jsonb_ge i
>= macaddr8 macaddr8 bool macaddr8_ge i
>= anyenum anyenum bool enum_ge i
>= tsvector tsvector bool tsvector_ge i
>= tsquery tsquery bool tsquery_ge i
>= anyrange anyrange bool range_ge i
>= xid8 xid8 bool xid8ge i
>> polygon polygon bool poly_right i
>> box box bool box_right i
>> point point bool point_right i
>> inet inet bool network_sup i
>> circle circle bool circle_right i
>> bit int4 bit bitshiftright i
>> int2 int4 int2 int2shr i
>> int4 int4 int4 int4shr i
>> int8 int4 int8 int8shr i
>> anyrange anyrange bool range_after i
>> anyrange anymultirange bool range_after_multirange i
>> anymultirange anyrange bool multirange_after_range i
>> anymultirange anymultirange bool multirange_after_multirange i
@ - int8 int8 int8abs i
@ - float4 float4 float4abs i
@ - float8 float8 float8abs i
@ - int2 int2 int2abs i
@ - int4 int4 int4abs i
@ - numeric numeric numeric_abs i
@> box point bool box_contain_pt i
@> polygon polygon bool poly_contain i
@> box box bool box_contain i
@> path point bool sql i
@> polygon point bool poly_contain_pt i
@> circle point bool circle_contain_pt i
@> _aclitem aclitem bool aclcontains i
@> circle circle bool circle_contain i
@> anyarray anyarray bool arraycontains i
@> anymultirange anyelement bool multirange_contains_elem i
@> anymultirange anyrange bool multirange_contains_range i
@> anymultirange anymultirange bool multirange_contains_multirange i
@> jsonb jsonb bool jsonb_contains i
@> tsquery tsquery bool tsq_mcontains i
@> anyrange anyelement bool range_contains_elem i
@> anyrange anyrange bool range_contains i
@> anyrange anymultirange bool range_contains_multirange i
^ float8 float8 float8 dpow i
^ numeric numeric numeric numeric_power i
| bit bit bit bit_or i
| int2 int2 int2 int2or i
| int4 int4 int4 int4or i
| int8 int8 int8 int8or i
| inet inet inet inetor i
| macaddr macaddr macaddr macaddr_or i
| macaddr8 macaddr8 macaddr8 macaddr8_or i
|/ - float8 float8 dsqrt i
|| anycompatiblearray anycompatible anycompatiblearray array_append i
|| anycompatible anycompatiblearray anycompatiblearray array_prepend i
|| anycompatiblearray anycompatiblearray anycompatiblearray array_cat i
|| text text text textcat i
|| varbit varbit varbit bitcat i
|| bytea bytea bytea byteacat i
|| text anynonarray text sql s
|| anynonarray text text sql s
|| jsonb jsonb jsonb jsonb_concat i
|| tsvector tsvector tsvector tsvector_concat i
|| tsquery tsquery tsquery tsquery_or i
||/ - float8 float8 dcbrt i
~ name text bool nameregexeq i
~ text text bool textregexeq i
~ bpchar text bool textregexeq i
~ - bit bit bitnot i
~ - int2 int2 int2not i
~ - int4 int4 int4not i
~ - int8 int8 int8not i
~ - inet inet inetnot i
~ - macaddr macaddr macaddr_not i
~ - macaddr8 macaddr8 macaddr8_not i
~~ name text bool namelike i
~~ text text bool textlike i
~~ bpchar text bool textlike i
~~ bytea bytea bool bytealike i
~~* name text bool nameiclike i
~~* text text bool texticlike i
~~* bpchar text bool texticlike i
`

/** pg_proc: name, argument types joined by commas (… on the last: variadic), result type, pg_proc.prosrc, volatility, 's' when strict. */
export const functionRows = `
abs float4 float4 float4abs i s
abs float8 float8 float8abs i s
abs int8 int8 int8abs i s
abs int4 int4 int4abs i s
abs int2 int2 int2abs i s
abs numeric numeric numeric_abs i s
array_append anycompatiblearray,anycompatible anycompatiblearray array_append i -
array_cat anycompatiblearray,anycompatiblearray anycompatiblearray array_cat i -
array_length anyarray,int4 int4 array_length i s
array_ndims anyarray int4 array_ndims i s
array_position anycompatiblearray,anycompatible int4 array_position i -
array_position anycompatiblearray,anycompatible,int4 int4 array_position_start i -
array_prepend anycompatible,anycompatiblearray anycompatiblearray array_prepend i -
bool int4 bool int4_bool i s
bool jsonb bool jsonb_bool i s
bpchar name bpchar name_bpchar i s
bpchar bpchar,int4,bool bpchar bpchar i s
bpchar char bpchar char_bpchar i s
btrim text,text text btrim i s
btrim text text btrim1 i s
btrim bytea,bytea bytea byteatrim i s
cardinality anyarray int4 array_cardinality i s
ceil numeric numeric numeric_ceil i s
ceil float8 float8 dceil i s
ceiling numeric numeric numeric_ceil i s
ceiling float8 float8 dceil i s
char_length bpchar int4 bpcharlen i s
char_length text int4 textlen i s
character_length bpchar int4 bpcharlen i s
character_length text int4 textlen i s
concat any… text text_concat s -
concat_ws text,any… text text_concat_ws s -
date timestamptz date timestamptz_date s s
date timestamp date timestamp_date i s
float4 int2 float4 i2tof i s
float4 float8 float4 dtof i s
float4 int4 float4 i4tof i s
float4 int8 float4 i8tof i s
float4 numeric float4 numeric_float4 i s
float4 jsonb float4 jsonb_float4 i s
float8 int2 float8 i2tod i s
float8 float4 float8 ftod i s
float8 int4 float8 i4tod i s
float8 int8 float8 i8tod i s
float8 numeric float8 numeric_float8 i s
float8 jsonb float8 jsonb_float8 i s
floor numeric numeric numeric_floor i s
floor float8 float8 dfloor i s
int2 float8 int2 dtoi2 i s
int2 float4 int2 ftoi2 i s
int2 int4 int2 i4toi2 i s
int2 int8 int2 int82 i s
int2 numeric int2 numeric_int2 i s
int2 jsonb int2 jsonb_int2 i s
int2 bytea int2 bytea_int2 i s
int4 char int4 chartoi4 i s
int4 int2 int4 i2toi4 i s
int4 float8 int4 dtoi4 i s
int4 float4 int4 ftoi4 i s
int4 int8 int4 int84 i s
int4 bit int4 bittoint4 i s
int4 numeric int4 numeric_int4 i s
int4 bool int4 bool_int4 i s
int4 jsonb int4 jsonb_int4 i s
int4 bytea int4 bytea_int4 i s
int8 int4 int8 int48 i s
int8 float8 int8 dtoi8 i s
int8 float4 int8 ftoi8 i s
int8 int2 int8 int28 i s
int8 oid int8 oidtoi8 i s
int8 numeric int8 numeric_int8 i s
int8 bit int8 bittoint8 i s
int8 jsonb int8 jsonb_int8 i s
int8 bytea int8 bytea_int8 i s
interval interval,int4 interval interval_scale i s
interval time interval time_interval i s
isfinite date bool date_finite i s
isfinite timestamptz bool timestamp_finite i s
isfinite interval bool interval_finite i s
isfinite timestamp bool timestamp_finite i s
justify_days interval interval interval_justify_days i s
justify_hours interval interval interval_justify_hours i s
justify_interval interval interval interval_justify_interval i s
left text,int4 text text_left i s
length text int4 textlen i s
length bpchar int4 bpcharlen i s
length lseg float8 lseg_length i s
length path float8 path_length i s
length bit int4 bitlength i s
length bytea,name int4 length_in_encoding s s
length bytea int4 byteaoctetlen i s
length tsvector int4 tsvector_length i s
like text,text bool textlike i s
like name,text bool namelike i s
like bytea,bytea bool bytealike i s
like_escape text,text text like_escape i s
like_escape bytea,bytea bytea like_escape_bytea i s
lower text text lower i s
lower anyrange anyelement range_lower i s
lower anymultirange anyelement multirange_lower i s
ltrim text,text text ltrim i s
ltrim text text ltrim1 i s
ltrim bytea,bytea bytea bytealtrim i s
mod int2,int2 int2 int2mod i s
mod int4,int4 int4 int4mod i s
mod int8,int8 int8 int8mod i s
mod numeric,numeric numeric numeric_mod i s
name text name text_name i s
name bpchar name bpchar_name i s
name varchar name text_name i s
notlike text,text bool textnlike i s
notlike name,text bool namenlike i s
notlike bytea,bytea bool byteanlike i s
numeric numeric,int4 numeric numeric i s
numeric int4 numeric int4_numeric i s
numeric float4 numeric float4_numeric i s
numeric float8 numeric float8_numeric i s
numeric int8 numeric int8_numeric i s
numeric int2 numeric int2_numeric i s
numeric jsonb numeric jsonb_numeric i s
numeric money numeric cash_numeric s s
octet_length bytea int4 byteaoctetlen i s
octet_length text int4 textoctetlen i s
octet_length bpchar int4 bpcharoctetlen i s
octet_length bit int4 bitoctetlength i s
position text,text int4 textpos i s
position bit,bit int4 bitposition i s
position bytea,bytea int4 byteapos i s
repeat text,int4 text repeat i s
replace text,text,text text replace_text i s
reverse text text text_reverse i s
reverse bytea bytea bytea_reverse i s
right text,int4 text text_right i s
round float8 float8 dround i s
round numeric,int4 numeric numeric_round i s
round numeric numeric sql i s
rtrim text,text text rtrim i s
rtrim text text rtrim1 i s
rtrim bytea,bytea bytea byteartrim i s
sign numeric numeric numeric_sign i s
sign float8 float8 dsign i s
split_part text,text,int4 text split_part i s
starts_with text,text bool text_starts_with i s
strpos text,text int4 textpos i s
substr text,int4,int4 text text_substr i s
substr text,int4 text text_substr_no_len i s
substr bytea,int4,int4 bytea bytea_substr i s
substr bytea,int4 bytea bytea_substr_no_len i s
substring text,int4,int4 text text_substr i s
substring text,int4 text text_substr_no_len i s
substring bit,int4,int4 bit bitsubstr i s
substring bit,int4 bit bitsubstr_no_len i s
substring bytea,int4,int4 bytea bytea_substr i s
substring bytea,int4 bytea bytea_substr_no_len i s
substring text,text text textregexsubstr i s
substring text,text,text text sql i s
text bpchar text rtrim1 i s
text name text name_text i s
text inet text network_show i s
text char text char_text i s
text xml text xmltotext i s
text bool text booltext i s
time timestamp time timestamp_time i s
time interval time interval_time i s
time time,int4 time time_scale i s
time timestamptz time timestamptz_time s s
time timetz time timetz_time i s
timestamp timestamp,int4 timestamp timestamp_scale i s
timestamp date timestamp date_timestamp i s
timestamp date,time timestamp datetime_timestamp i s
timestamp timestamptz timestamp timestamptz_timestamp s s
timestamptz date timestamptz date_timestamptz s s
timestamptz date,time timestamptz sql s s
timestamptz date,timetz timestamptz datetimetz_timestamptz i s
timestamptz timestamptz,int4 timestamptz timestamptz_scale i s
timestamptz timestamp timestamptz timestamp_timestamptz s s
timezone interval,timestamptz timestamp timestamptz_izone i s
timezone text,timestamptz timestamp timestamptz_zone i s
timezone text,timetz timetz timetz_zone s s
timezone interval,timetz timetz timetz_izone i s
timezone text,timestamp timestamptz timestamp_zone i s
timezone interval,timestamp timestamptz timestamp_izone i s
timezone timestamptz timestamp timestamptz_at_local s s
timezone timestamp timestamptz timestamp_at_local s s
timezone timetz timetz timetz_at_local s s
trunc macaddr macaddr macaddr_trunc i s
trunc float8 float8 dtrunc i s
trunc numeric,int4 numeric numeric_trunc i s
trunc numeric numeric sql i s
trunc macaddr8 macaddr8 macaddr8_trunc i s
upper text text upper i s
upper anyrange anyelement range_upper i s
upper anymultirange anyelement multirange_upper i s
varchar varchar,int4,bool varchar varchar i s
varchar name varchar name_text i s
`

/** pg_cast: source, target, context (i implicit, a assignment, e explicit), function (pg_proc.prosrc), '-' binary or 'inout', volatility. */
export const castRows = `
bit bit i bit i
bit int4 e bittoint4 i
bit int8 e bittoint8 i
bit varbit i - i
bool bpchar a booltext i
bool int4 e bool_int4 i
bool text a booltext i
bool varchar a booltext i
box circle e box_circle i
box lseg e box_diagonal i
box point e box_center i
box polygon a box_poly i
bpchar bpchar i bpchar i
bpchar char a text_char i
bpchar name i bpchar_name i
bpchar text i rtrim1 i
bpchar varchar i rtrim1 i
bpchar xml e texttoxml s
bytea int2 e bytea_int2 i
bytea int4 e bytea_int4 i
bytea int8 e bytea_int8 i
char bpchar a char_bpchar i
char int4 e chartoi4 i
char text i char_text i
char varchar a char_text i
cidr bpchar a network_show i
cidr inet i - i
cidr text a network_show i
cidr varchar a network_show i
circle box e circle_box i
circle point e circle_center i
circle polygon e sql i
date timestamp i date_timestamp i
date timestamptz i date_timestamptz s
daterange datemultirange e multirange_constructor1 i
float4 float8 i ftod i
float4 int2 a ftoi2 i
float4 int4 a ftoi4 i
float4 int8 a ftoi8 i
float4 numeric a float4_numeric i
float8 float4 a dtof i
float8 int2 a dtoi2 i
float8 int4 a dtoi4 i
float8 int8 a dtoi8 i
float8 numeric a float8_numeric i
inet bpchar a network_show i
inet cidr a inet_to_cidr i
inet text a network_show i
inet varchar a network_show i
int2 bytea e int2_bytea i
int2 float4 i i2tof i
int2 float8 i i2tod i
int2 int4 i i2toi4 i
int2 int8 i int28 i
int2 numeric i int2_numeric i
int2 oid i i2toi4 i
int2 regclass i i2toi4 i
int2 regcollation i i2toi4 i
int2 regconfig i i2toi4 i
int2 regdictionary i i2toi4 i
int2 regnamespace i i2toi4 i
int2 regoper i i2toi4 i
int2 regoperator i i2toi4 i
int2 regproc i i2toi4 i
int2 regprocedure i i2toi4 i
int2 regrole i i2toi4 i
int2 regtype i i2toi4 i
int4 bit e bitfromint4 i
int4 bool e int4_bool i
int4 bytea e int4_bytea i
int4 char e i4tochar i
int4 float4 i i4tof i
int4 float8 i i4tod i
int4 int2 a i4toi2 i
int4 int8 i int48 i
int4 money a int4_cash s
int4 numeric i int4_numeric i
int4 oid i - i
int4 regclass i - i
int4 regcollation i - i
int4 regconfig i - i
int4 regdictionary i - i
int4 regnamespace i - i
int4 regoper i - i
int4 regoperator i - i
int4 regproc i - i
int4 regprocedure i - i
int4 regrole i - i
int4 regtype i - i
int4range int4multirange e multirange_constructor1 i
int8 bit e bitfromint8 i
int8 bytea e int8_bytea i
int8 float4 i i8tof i
int8 float8 i i8tod i
int8 int2 a int82 i
int8 int4 a int84 i
int8 money a int8_cash s
int8 numeric i int8_numeric i
int8 oid i i8tooid i
int8 regclass i i8tooid i
int8 regcollation i i8tooid i
int8 regconfig i i8tooid i
int8 regdictionary i i8tooid i
int8 regnamespace i i8tooid i
int8 regoper i i8tooid i
int8 regoperator i i8tooid i
int8 regproc i i8tooid i
int8 regprocedure i i8tooid i
int8 regrole i i8tooid i
int8 regtype i i8tooid i
int8range int8multirange e multirange_constructor1 i
interval interval i interval_scale i
interval time a interval_time i
json jsonb a inout i
jsonb bool e jsonb_bool i
jsonb float4 e jsonb_float4 i
jsonb float8 e jsonb_float8 i
jsonb int2 e jsonb_int2 i
jsonb int4 e jsonb_int4 i
jsonb int8 e jsonb_int8 i
jsonb json a inout i
jsonb numeric e jsonb_numeric i
lseg point e lseg_center i
macaddr macaddr8 i macaddrtomacaddr8 i
macaddr8 macaddr i macaddr8tomacaddr i
money numeric a cash_numeric s
name bpchar a name_bpchar i
name text i name_text i
name varchar a name_text i
numeric float4 i numeric_float4 i
numeric float8 i numeric_float8 i
numeric int2 a numeric_int2 i
numeric int4 a numeric_int4 i
numeric int8 a numeric_int8 i
numeric money a numeric_cash s
numeric numeric i numeric i
numrange nummultirange e multirange_constructor1 i
oid int4 a - i
oid int8 a oidtoi8 i
oid regclass i - i
oid regcollation i - i
oid regconfig i - i
oid regdictionary i - i
oid regnamespace i - i
oid regoper i - i
oid regoperator i - i
oid regproc i - i
oid regprocedure i - i
oid regrole i - i
oid regtype i - i
path polygon a path_poly i
point box a point_box i
polygon box e poly_box i
polygon circle e poly_circle i
polygon path a poly_path i
polygon point e poly_center i
regclass int4 a - i
regclass int8 a oidtoi8 i
regclass oid i - i
regcollation int4 a - i
regcollation int8 a oidtoi8 i
regcollation oid i - i
regconfig int4 a - i
regconfig int8 a oidtoi8 i
regconfig oid i - i
regdictionary int4 a - i
regdictionary int8 a oidtoi8 i
regdictionary oid i - i
regnamespace int4 a - i
regnamespace int8 a oidtoi8 i
regnamespace oid i - i
regoper int4 a - i
regoper int8 a oidtoi8 i
regoper oid i - i
regoper regoperator i - i
regoperator int4 a - i
regoperator int8 a oidtoi8 i
regoperator oid i - i
regoperator regoper i - i
regproc int4 a - i
regproc int8 a oidtoi8 i
regproc oid i - i
regproc regprocedure i - i
regprocedure int4 a - i
regprocedure int8 a oidtoi8 i
regprocedure oid i - i
regprocedure regproc i - i
regrole int4 a - i
regrole int8 a oidtoi8 i
regrole oid i - i
regtype int4 a - i
regtype int8 a oidtoi8 i
regtype oid i - i
text bpchar i - i
text char a text_char i
text name i text_name i
text regclass i text_regclass s
text varchar i - i
text xml e texttoxml s
time interval i time_interval i
time time i time_scale i
time timetz i time_timetz s
timestamp date a timestamp_date i
timestamp time a timestamp_time i
timestamp timestamp i timestamp_scale i
timestamp timestamptz i timestamp_timestamptz s
timestamptz date a timestamptz_date s
timestamptz time a timestamptz_time s
timestamptz timestamp a timestamptz_timestamp s
timestamptz timestamptz i timestamptz_scale i
timestamptz timetz a timestamptz_timetz s
timetz time a timetz_time i
timetz timetz i timetz_scale i
tsrange tsmultirange e multirange_constructor1 i
tstzrange tstzmultirange e multirange_constructor1 i
varbit bit i - i
varbit varbit i varbit i
varchar bpchar i - i
varchar char a text_char i
varchar name i text_name i
varchar regclass i text_regclass s
varchar text i - i
varchar varchar i varchar i
varchar xml e texttoxml s
xid8 xid e xid8toxid i
xml bpchar a - i
xml text a - i
xml varchar a - i
`
