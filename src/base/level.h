/*
 * level.h - levels of the unified log; apart from log.h so that settings can name them.
 */
#ifndef WF_BASE_LEVEL_H
#define WF_BASE_LEVEL_H

typedef enum WfLogLevel
{
	WF_LOG_DEBUG,
	WF_LOG_INFO,
	WF_LOG_WARNING,
	WF_LOG_ERROR,
	WF_LOG_CRITICAL
} WfLogLevel;

#endif
