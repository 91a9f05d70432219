/*
 * labels.c - words of the change log, in Chinese and English (domain 3.11).
 */
#include "postgres.h"

#include "accounts/labels.h"
#include "base/settings.h"

static const struct
{
	const char *zh;
	const char *en;
} phrases[] = {
	[WF_PHRASE_ACCOUNT] = {"账户 %s ", "account %s "},
	[WF_PHRASE_NEW] = {"新增账户", "new account"},
	[WF_PHRASE_NEW_GRANTED] = {"新增账户，授予 %d 项权限", "new account, %d privileges granted"},
	[WF_PHRASE_PRIVILEGES] = {"权限：授予 +%d 项，撤销 -%d 项",
							  "privileges: +%d granted, -%d revoked"},
	[WF_PHRASE_DELETED] = {"账户已从源端消失", "account vanished at the source"},
	[WF_PHRASE_RESTORED] = {"账户在源端重新出现", "account is back at the source"},
	[WF_PHRASE_FROM_TO] = {"%s由 %s 变为 %s", "%s from %s to %s"},
	[WF_PHRASE_SET] = {"%s设为 %s", "%s set to %s"},
	[WF_PHRASE_CLEARED] = {"%s已清空", "%s cleared"},
	[WF_PHRASE_UPDATED] = {"%s已更新", "%s updated"},
	[WF_PHRASE_COLLECTED] = {"权限采集完成：新增 %d，更新 %d，跳过 %d",
							 "permissions collected: %d created, %d updated, %d skipped"},
	[WF_PHRASE_NO_ACCOUNTS] = {"没有活动账户", "no active account found"},
	[WF_PHRASE_YES] = {"是", "yes"},
	[WF_PHRASE_NO] = {"否", "no"},
};

static const struct
{
	const char *field;
	const char *zh;
	const char *en;
} labels[] = {
	{"is_locked", "锁定状态", "lock state"},
	{"is_superuser", "超级用户", "superuser"},
	{"mysql_database_privileges", "数据库权限", "database privileges"},
	{"mysql_global_privileges", "全局权限", "global privileges"},
	{"mysql_granted_roles", "角色", "roles"},
	{"mysql_role_members", "角色成员", "role members"},
	{"oracle_roles", "Oracle 角色", "Oracle roles"},
	{"oracle_system_privileges", "系统权限", "system privileges"},
	{"postgresql_database_privileges", "数据库权限", "database privileges"},
	{"postgresql_predefined_roles", "所属角色", "predefined roles"},
	{"postgresql_role_attributes", "角色属性", "role attributes"},
	{"postgresql_role_membership_options", "角色成员选项", "role membership options"},
	{"postgresql_tablespace_privileges", "表空间权限", "tablespace privileges"},
	{"sqlserver_database_permissions", "数据库权限", "database permissions"},
	{"sqlserver_database_roles", "数据库角色", "database roles"},
	{"sqlserver_server_permissions", "服务器权限", "server permissions"},
	{"sqlserver_server_roles", "服务器角色", "server roles"},
	{"type_specific", "数据库属性", "database attributes"},
};

const char *
wf_phrase(WfPhrase phrase)
{
	return wf_setting_language == WF_LANGUAGE_EN ? phrases[phrase].en : phrases[phrase].zh;
}

const char *
wf_label(const char *field)
{
	bool english = wf_setting_language == WF_LANGUAGE_EN;

	for (size_t i = 0; i < lengthof(labels); i++)
		if (strcmp(labels[i].field, field) == 0)
			return english ? labels[i].en : labels[i].zh;
	if (strncmp(field, "type_specific.", 14) == 0)
		return psprintf("%s · %s", wf_label("type_specific"), field + 14);
	return field; /* a category that came after this table: its own name says most */
}
