/*
 * worker.h - the dynamic background workers, as the launcher starts them.
 */
#ifndef WF_BGWORKER_WORKER_H
#define WF_BGWORKER_WORKER_H

#define WF_WORKER_TYPE "whalefall worker"
#define WF_WORKER_MAIN "wf_worker_main"

#endif
